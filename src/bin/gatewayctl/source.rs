//! Reads and compiles a policy file, and notes the secrets it names.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use azureml_gateway::policy::compile::Environment;
use azureml_gateway::policy::problem::{Problem, Severity};
use azureml_gateway::policy::{Compiled, Policy, compile, compile_documented};
use azureml_gateway::publish::Documents;

/// What stands for a secret that is missing here. It is never sent or printed.
const ABSENT: &[u8] = b"absent";

pub(crate) struct Source {
    pub(crate) text: String,
    pub(crate) compiled: Compiled,
    /// The environment variables that the policy names, sorted.
    pub(crate) variables: BTreeSet<String>,
    /// Those of them that are not set here.
    pub(crate) missing: BTreeSet<String>,
}

impl Source {
    /// `require_secrets` makes a missing secret a problem, as it is to the filter.
    pub(crate) fn read(file: &Path, require_secrets: bool) -> Result<Self, String> {
        let compile =
            |bytes: &[u8], environment: Environment<'_>| (compile(bytes, environment), ());
        Self::read_and(file, require_secrets, compile).map(|(source, ())| source)
    }

    /// With the documents that a portal would have.
    pub(crate) fn documented(file: &Path) -> Result<(Self, Option<Documents>), String> {
        Self::read_and(file, false, compile_documented)
    }

    fn read_and<T>(
        file: &Path,
        require_secrets: bool,
        compile: impl Fn(&[u8], Environment<'_>) -> (Compiled, T),
    ) -> Result<(Self, T), String> {
        let bytes = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let variables = RefCell::new(BTreeSet::new());
        let missing = RefCell::new(BTreeSet::new());
        let environment = |name: &str| {
            variables.borrow_mut().insert(name.to_owned());
            let value = std::env::var_os(name).map(|value| value.into_encoded_bytes());
            if value.is_none() {
                missing.borrow_mut().insert(name.to_owned());
            }
            value.or_else(|| (!require_secrets).then(|| ABSENT.to_vec()))
        };
        let (compiled, more) = compile(&bytes, &environment);
        let source = Self {
            text: String::from_utf8_lossy(&bytes).into_owned(),
            compiled,
            variables: variables.into_inner(),
            missing: missing.into_inner(),
        };
        Ok((source, more))
    }

    /// The policy; or its problems, printed, each with the file's name.
    pub(crate) fn policy(&self, file: &Path) -> Result<&Policy, String> {
        self.print_problems(file);
        let errors = self.errors();
        self.compiled.policy.as_ref().ok_or_else(|| {
            let noun = if errors == 1 { "problem" } else { "problems" };
            format!("{}: {errors} {noun}: the filter would refuse this policy", file.display())
        })
    }

    fn print_problems(&self, file: &Path) {
        for problem in &self.compiled.problems {
            let kind = match problem.severity {
                Severity::Error => "problem",
                Severity::Warning => "warning",
            };
            let Problem { path, message, .. } = problem;
            eprintln!("{}: {kind}: {path}: {message}", file.display());
        }
    }

    fn errors(&self) -> usize {
        self.compiled.problems.iter().filter(|p| p.severity == Severity::Error).count()
    }
}
