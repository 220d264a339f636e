//! The shipped envoy.yaml with parts taken out: what is compared differs in nothing else.

use std::ops::Range;

use support::layout::replace_once;

use crate::upstream::KEY;

/// Without the gateway filter: Envoy itself does what the filter does for one backend.
pub fn router_only(yaml: &str, upstream: &str) -> Result<String, String> {
    let mut text = yaml.to_owned();
    text.replace_range(block(yaml, &["http_filters:", "- name: gateway"])?, "");
    static_route(&text, upstream)
}

/// A route of Envoy's own that rewrites path and host and sets the backend's key. The dynamic
/// forward proxy stays, as it is the way to every backend.
pub fn static_route(yaml: &str, upstream: &str) -> Result<String, String> {
    let text = replace_once(
        yaml,
        "match: { prefix: /, headers: [{ name: x-gateway-cluster, present_match: true }] }",
        &format!(
            "match: {{ prefix: /azureml-demo/ }}
                request_headers_to_add:
                - header: {{ key: authorization, value: Bearer {KEY} }}
                  append_action: OVERWRITE_IF_EXISTS_OR_ADD
                typed_per_filter_config:
                  envoy.filters.http.dynamic_forward_proxy:
                    \"@type\": type.googleapis.com/envoy.extensions.filters.http.dynamic_forward_proxy.v3.PerRouteConfig
                    host_rewrite_literal: {upstream}"
        ),
    )?;
    replace_once(
        &text,
        "cluster_header: x-gateway-cluster",
        "cluster: gateway-http\n                  prefix_rewrite: /",
    )
}

/// The access log is made as it is shipped and written to /dev/null.
pub fn discards_access_log(yaml: &str) -> Result<String, String> {
    let text = replace_once(yaml, "envoy.access_loggers.stdout", "envoy.access_loggers.file")?;
    replace_once(
        &text,
        "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
        "envoy.extensions.access_loggers.file.v3.FileAccessLog\n              path: /dev/null",
    )
}

/// No usage statistics.
pub fn uncounted(yaml: &str) -> Result<String, String> {
    let mut text = yaml.to_owned();
    text.replace_range(block(yaml, &["access_log:", "- name: envoy.access_loggers.stats"])?, "");
    Ok(text)
}

/// Neither access log nor usage statistics.
pub fn unlogged(yaml: &str) -> Result<String, String> {
    let mut text = yaml.to_owned();
    text.replace_range(block(yaml, &["access_log:"])?, "");
    Ok(text)
}

/// The bytes of the first block whose first line is the last of `path`, below the others in turn,
/// with all that is indented below it.
fn block(yaml: &str, path: &[&str]) -> Result<Range<usize>, String> {
    let missing = || format!("envoy.yaml has no `{}`", path.join("` with `"));
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = yaml.split_inclusive('\n').scan(0, |end, line| {
        let start = *end;
        *end += line.len();
        Some((start, line))
    });
    let mut found = None;
    for step in path {
        found = lines.by_ref().find(|(_, line)| line.trim() == *step);
        found.ok_or_else(missing)?;
    }
    let (start, first) = found.ok_or_else(missing)?;
    // A list below a key may begin at the key's own indentation.
    let inside = |line: &str| {
        let deeper = indent(line) > indent(first);
        let item = indent(line) == indent(first) && line.trim_start().starts_with("- ");
        let comment = line.trim_start().starts_with('#');
        line.trim().is_empty()
            || comment
            || deeper
            || (item && !first.trim_start().starts_with("- "))
    };
    let end = lines.find(|(_, line)| !inside(line)).map_or(yaml.len(), |(start, _)| start);
    Ok(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> String {
        let file = support::layout::project_root().join("envoy/envoy.yaml");
        std::fs::read_to_string(file).unwrap()
    }

    #[test]
    fn the_shipped_file_can_be_edited() {
        let text = router_only(&unlogged(&shipped()).unwrap(), "127.0.0.1:1").unwrap();
        for gone in ["config_discovery", "access_log:", "json_format"] {
            assert!(!text.contains(gone), "{gone}");
        }
        for kept in ["filters.http.health_check", "filters.http.router", "- name: https"] {
            assert!(text.contains(kept), "{kept}");
        }
        let uncounted = uncounted(&shipped()).unwrap();
        assert!(uncounted.contains("json_format") && !uncounted.contains("access_loggers.stats"));
        assert!(discards_access_log(&shipped()).unwrap().contains("path: /dev/null"));
    }

    #[test]
    fn a_block_ends_where_the_next_of_its_kind_begins() {
        let yaml = "a:\n- name: x\n  b: 1\n\n- name: y\n  b: 2\nc: 3\n";
        let cut = |path: &[&str]| block(yaml, path).map(|range| &yaml[range]);
        assert_eq!(cut(&["a:", "- name: x"]), Ok("- name: x\n  b: 1\n\n"));
        assert_eq!(cut(&["a:"]), Ok("a:\n- name: x\n  b: 1\n\n- name: y\n  b: 2\n"));
        assert!(cut(&["a:", "- name: z"]).is_err());
    }
}
