//! The command line shows keys of a policy nowhere but in the resource that it renders.

use std::fs;
use std::path::Path;
use std::process::Command;

use support::free_port;

use crate::calls::calls;
use crate::policies::bad;
use crate::policy::{Backends, ENVIRONMENT, INLINE, policy};
use crate::{assert_shows, ctl, key, places, set};

/// A file of its own that goes when dropped.
struct File(std::path::PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("canary-{}-{name}.json", std::process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Both streams, with the backends' keys in the environment.
fn output(words: &[&str], file: &Path, rest: &[&str]) -> String {
    let env = ENVIRONMENT.map(|(variable, place)| (variable, key(place)));
    let output = Command::new(ctl()).args(words).arg(file).args(rest).envs(env).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn of_a_good_policy_only_render_shows_keys_and_only_those_that_stand_in_it() {
    let file = File::new("good", &policy(&Backends::start()).to_string());
    let check = output(&["check"], &file.0, &["--require-secrets"]);
    assert!(check.contains("no problem"), "{check}");
    assert_shows("check", &check, &[]);
    assert_shows("limits", &output(&["limits"], &file.0, &[]), &[]);
    assert_eq!(places(&output(&["render"], &file.0, &[])), set(INLINE));
    let admin = format!("http://127.0.0.1:{}", free_port());
    let out = std::env::temp_dir().join(format!("canary-{}-out.json", std::process::id()));
    let out = out.to_str().unwrap();
    let apply = output(&["apply"], &file.0, &["--admin", &admin, "--out", out, "--timeout", "1"]);
    let _ = fs::remove_file(out);
    assert!(apply.contains("gatewayctl: "), "{apply}");
    assert_shows("apply", &apply, &[]);
}

/// `explain` is told the call by who runs it: what it repeats is only what goes to the backend as data.
#[test]
fn explain_masks_every_key() {
    let file = File::new("explain", &policy(&Backends::start()).to_string());
    for call in calls() {
        let url = format!("http://gateway{}", call.target);
        let headers: Vec<String> =
            call.headers.iter().map(|(name, value)| format!("-H{name}:{value}")).collect();
        let mut rest = vec![call.method, url.as_str()];
        rest.extend(headers.iter().map(String::as_str));
        let text = output(&["explain"], &file.0, &rest);
        assert!(text.contains("API: "), "{text}");
        assert_shows(&format!("explain {} {url}", call.method), &text, &[]);
    }
}

#[test]
fn of_a_bad_policy_no_message_shows_a_key() {
    for (path, text) in bad() {
        let file = File::new("bad", &text);
        let said = output(&["check"], &file.0, &["--require-secrets"]);
        assert!(said.contains("the filter would refuse"), "{}: {said}", path.display());
        assert_shows(&format!("check {}", path.display()), &said, &[]);
        let said = output(&["explain"], &file.0, &["GET", "/ml/free"]);
        assert_shows(&format!("explain {}", path.display()), &said, &[]);
    }
}
