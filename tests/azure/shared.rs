//! envoy.yaml and azure.yaml must not drift apart: what Envoy has read of both, compared with itself.
//! What azure.yaml adds is taken out by name, so whatever else differs fails here.

use serde_json::{Value, json};
use support::{Gateway, Options};

use crate::on_loopback;

/// The bootstrap as Envoy understood it, anchors resolved.
fn bootstrap(config: &'static str, edit: fn(String) -> String) -> Value {
    // No policy is needed to see what was read.
    let options =
        Options { config, edit: Box::new(edit), wait_for_policy: false, ..Options::new("{}") };
    let gateway = Gateway::start(&options).unwrap_or_else(|problem| panic!("{problem}"));
    let dump: Value = serde_json::from_str(&gateway.admin().page("/config_dump").unwrap()).unwrap();
    let configs = dump["configs"].as_array().unwrap();
    let found = configs.iter().find(|config| config.get("bootstrap").is_some());
    found.expect("the bootstrap in the configuration dump")["bootstrap"].clone()
}

/// Takes the element of that name out of a list.
fn take(list: &mut Value, name: &str) -> Value {
    let list = list.as_array_mut().expect("a list");
    let index = list.iter().position(|element| element["name"] == name);
    list.remove(index.unwrap_or_else(|| panic!("no {name}")))
}

fn remove(value: &mut Value, pointer: &str) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = value.pointer_mut(parent).and_then(Value::as_object_mut);
    parent.and_then(|parent| parent.remove(key)).unwrap_or_else(|| panic!("no {pointer}"))
}

fn assert_same(what: &str, envoy: &Value, azure: &Value) {
    let [envoy, azure] = [envoy, azure].map(|value| {
        let mut value = value.clone();
        // Envoy writes maps in any order.
        value.sort_all_objects();
        serde_json::to_string_pretty(&value).unwrap()
    });
    let differences: Vec<_> =
        envoy.lines().zip(azure.lines()).filter(|(one, other)| one != other).take(5).collect();
    assert!(envoy == azure, "{what}: envoy.yaml and azure.yaml differ, first in {differences:#?}");
}

#[test]
fn what_is_common_with_envoy_yaml_is_the_same() {
    let mut envoy = bootstrap("envoy/envoy.yaml", |text| text);
    let mut azure = bootstrap("envoy/azure.yaml", on_loopback);
    assert_same("overload_manager", &envoy["overload_manager"], &azure["overload_manager"]);

    let [one, other] = [&mut envoy, &mut azure].map(|file| {
        let mut listener = take(&mut file["static_resources"]["listeners"], "https");
        // Ports are the test's.
        remove(&mut listener, "/address");
        listener
    });
    let (envoys, mut azures) = (one, other);
    let manager = "/filter_chains/0/filters/0/typed_config";
    let filters = azures.pointer_mut(&format!("{manager}/http_filters")).unwrap();
    take(filters, "strict-transport-security");
    let routes =
        azures.pointer_mut(&format!("{manager}/route_config/virtual_hosts/0/routes")).unwrap();
    let mut compute = take(routes, "compute");
    let mut general = take(&mut routes.clone(), "gateway");
    let tls = "/filter_chains/0/transport_socket/typed_config/common_tls_context";
    let [mut envoys, mut azures] = [envoys, azures].map(|mut listener| {
        let context = listener.pointer_mut(tls).and_then(Value::as_object_mut).unwrap();
        context.retain(|key, _| key == "alpn_protocols");
        listener
    });
    assert_same("the https listener", &envoys, &azures);
    // Nothing was compared by accident with nothing.
    for listener in [&mut envoys, &mut azures] {
        for key in ["local_reply_config", "access_log", "early_header_mutation_extensions"] {
            remove(listener, &format!("{manager}/{key}"));
        }
    }

    // The route of repeatable calls is the general one, but for when it is taken and repeated.
    let both = [&mut general, &mut compute].map(|route| {
        for key in ["/name", "/match", "/route/retry_policy"] {
            remove(route, key);
        }
        route.clone()
    });
    assert_same("the route `compute`", &both[0], &both[1]);

    let [envoys, azures] = [&mut envoy, &mut azure]
        .map(|file| take(&mut file["static_resources"]["clusters"], "gateway-https"));
    let mut azures = azures;
    let options =
        "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    remove(&mut azures, "/upstream_connection_options");
    remove(&mut azures, &format!("{options}/common_http_protocol_options"));
    assert_same("the cluster gateway-https", &envoys, &azures);
}

#[test]
fn no_cluster_speaks_plaintext() {
    let azure = bootstrap("envoy/azure.yaml", on_loopback);
    let clusters = azure["static_resources"]["clusters"].as_array().unwrap();
    assert!(clusters.len() >= 2);
    for cluster in clusters {
        let tls = "/transport_socket/typed_config/common_tls_context";
        let context = cluster.pointer(tls).unwrap_or_else(|| panic!("{}", cluster["name"]));
        assert!(context.pointer("/validation_context/trusted_ca").is_some(), "{context}");
        assert_eq!(context["tls_params"]["tls_minimum_protocol_version"], "TLSv1_2");
        let options = &cluster["typed_extension_protocol_options"]["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]
            ["upstream_http_protocol_options"];
        assert_eq!(*options, json!({ "auto_sni": true, "auto_san_validation": true }));
    }
}
