//! The tools that `make openapi-tools` gets.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::root;

/// A folder that is gone when the test is over.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("publish-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A tool that `make openapi-tools` installs, by its path below the project's root.
pub(crate) fn tool(path: &str) -> Command {
    let tool = root().join(path);
    assert!(tool.exists(), "{} is missing: run `make openapi-tools`", tool.display());
    let mut command = Command::new(tool);
    command.stdin(Stdio::null()).env("REDOCLY_TELEMETRY", "off");
    command.env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    command
}

/// Runs it; what it says is the failure's message.
pub(crate) fn succeed(command: &mut Command) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(status.success(), "{command:?}: {status}\n{}", said.concat());
}
