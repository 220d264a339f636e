//! Mutated documents: an import ends with a policy that loads, or with one message.

use std::panic::{AssertUnwindSafe, catch_unwind};

use azureml_gateway::policy::compile;
use azureml_gateway::policy::problem::Severity;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use crate::case;
use crate::import::files::Files;
use crate::import::{Options, import};

/// What documents are made of, so that many mutations still mean something.
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "true",
    "-1",
    "1e308",
    "18446744073709551616",
    "0.1",
    "{}",
    "[]",
    "\"\"",
    "\\u0000",
    "\u{2028}",
    "é",
    "/",
    "//",
    "..",
    "?",
    "&",
    "=",
    "*",
    "{*rest}",
    "{a}",
    "%2f",
    ";",
    "#",
    "\"$ref\": \"#/paths\"",
    "\"in\": \"query\"",
    "\"type\": \"integer\"",
    "\"required\": true",
    "\"enum\": [1]",
    "\"name\"",
    "[parameters('x')]",
    "[concat('a', variables('b'))]",
    "[",
    "]",
    "('",
    "')",
    "<base />",
    "<",
    ">",
    "@(",
    ")",
    "{{",
    "}}",
    "&lt;",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "\n",
    "- ",
    "  ",
    "&a ",
    "*a",
    "? ",
    "|\n",
    "!!int ",
];

#[derive(Clone, Debug)]
enum Mutation {
    Remove(prop::sample::Index, usize),
    Insert(prop::sample::Index, String),
    /// A part of the document again, elsewhere.
    Repeat(prop::sample::Index, usize, prop::sample::Index),
    Byte(prop::sample::Index, u8),
    Truncate(prop::sample::Index),
    /// Another value in the place of one, where the document is JSON; it stays JSON.
    Value(prop::sample::Index, Replacement),
}

#[derive(Clone, Debug)]
enum Replacement {
    Json(&'static str),
    /// Another value of the document.
    Other(prop::sample::Index),
}

const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "-1",
    "0",
    "1e300",
    "18446744073709551615",
    "[]",
    "{}",
    "\"\"",
    "\"/\"",
    "\"//a\"",
    "\"{x}\"",
    "\"/{x}/{x}\"",
    "\"/a?b={c}\"",
    "\"#/\"",
    "\"http://\"",
    "\"https://h:443/a/../b\"",
    "\"[variables('v')]\"",
    "\"Authorization\"",
    "\"Ocp-Apim-Subscription-Key\"",
    "\"api-version\"",
    "\"subscription-key\"",
    "\"GET\"",
    "\"CONNECT\"",
    "\"<policies><inbound><quota calls='1' renewal-period='1'/></inbound></policies>\"",
    "\"\\n\\u001b[2J\"",
    "\"*\"",
    "\"é\"",
];

fn mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        1 => (index(), 1usize..200).prop_map(|(at, length)| Mutation::Remove(at, length)),
        1 => (index(), vec(select(WORDS), 1..4))
            .prop_map(|(at, words)| Mutation::Insert(at, words.concat())),
        1 => (index(), 1usize..400, index())
            .prop_map(|(from, length, to)| Mutation::Repeat(from, length, to)),
        1 => (index(), any::<u8>()).prop_map(|(at, byte)| Mutation::Byte(at, byte)),
        1 => index().prop_map(Mutation::Truncate),
        8 => (index(), replacement()).prop_map(|(at, value)| Mutation::Value(at, value)),
    ]
}

fn replacement() -> impl Strategy<Value = Replacement> {
    prop_oneof![
        2 => select(VALUES).prop_map(Replacement::Json),
        1 => any::<prop::sample::Index>().prop_map(Replacement::Other),
    ]
}

/// The JSON pointers of all values.
fn pointers(value: &Value, pointer: String, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            let name = name.replace('~', "~0").replace('/', "~1");
            pointers(member, format!("{pointer}/{name}"), found);
        }),
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(i, item)| pointers(item, format!("{pointer}/{i}"), found));
        }
        _ => {}
    }
    found.push(pointer);
}

fn replace(bytes: &mut Vec<u8>, at: &prop::sample::Index, replacement: &Replacement) {
    let Ok(mut document) = serde_json::from_slice::<Value>(bytes) else { return };
    let mut found = Vec::new();
    pointers(&document, String::new(), &mut found);
    let value = match replacement {
        Replacement::Json(text) => serde_json::from_str(text).unwrap(),
        Replacement::Other(other) => {
            document.pointer(&found[other.index(found.len())]).unwrap().clone()
        }
    };
    *document.pointer_mut(&found[at.index(found.len())]).unwrap() = value;
    *bytes = document.to_string().into_bytes();
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        match self {
            Self::Remove(at, count) => {
                let at = at.index(length);
                bytes.drain(at..length.min(at + count));
            }
            Self::Insert(at, text) => {
                let at = at.index(length);
                bytes.splice(at..at, text.bytes());
            }
            Self::Repeat(from, count, to) => {
                let from = from.index(length);
                let part = bytes[from..length.min(from + count)].to_vec();
                let to = to.index(length);
                bytes.splice(to..to, part);
            }
            Self::Byte(at, byte) => {
                let at = at.index(length);
                bytes[at] = *byte;
            }
            Self::Truncate(at) => bytes.truncate(at.index(length)),
            Self::Value(at, replacement) => replace(bytes, at, replacement),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_document_becomes_a_policy_that_loads_or_one_message(
        case in any::<prop::sample::Index>(),
        file in any::<prop::sample::Index>(),
        mutations in vec(mutation(), 1..5),
    ) {
        let cases = sources();
        let mut files = copy(&cases[case.index(cases.len())]);
        let names: Vec<String> = files.content.keys().cloned().collect();
        let bytes = files.content.get_mut(&names[file.index(names.len())]).unwrap();
        mutations.iter().for_each(|mutation| mutation.apply(bytes));
        judge(&files)?;
    }

    #[test]
    fn anything_at_all_becomes_a_policy_that_loads_or_one_message(
        name in select(&["a.json", "a.yaml", "a.xml", "a"][..]),
        words in vec(prop_oneof![select(WORDS).prop_map(str::to_owned), "\\PC{0,6}"], 0..40),
        head in select(&["", "{\"openapi\":\"3.0.0\",\"paths\":", "swagger: '2.0'\nhost: h\npaths:\n  ", "{\"resources\":["][..]),
    ) {
        let text = format!("{head}{}", words.concat());
        let content = [(name.to_owned(), text.into_bytes())].into();
        judge(&Files { name: name.into(), folder: false, content, links: Vec::new() })?;
    }
}

fn sources() -> Vec<Files> {
    case::all().iter().map(|case| Files::read(&case.folder.join(&case.source)).unwrap()).collect()
}

fn copy(files: &Files) -> Files {
    Files {
        name: files.name.clone(),
        folder: files.folder,
        content: files.content.clone(),
        links: Vec::new(),
    }
}

fn judge(files: &Files) -> Result<(), TestCaseError> {
    let run = || import(files, &Options::default());
    let imported = catch_unwind(AssertUnwindSafe(run));
    let Ok(imported) = imported else { return Err(TestCaseError::fail("it panicked")) };
    match imported {
        Ok(imported) => {
            let compiled = compile(imported.policy.as_bytes(), &|_| Some(b"key".to_vec()));
            let errors: Vec<_> =
                compiled.problems.iter().filter(|p| p.severity == Severity::Error).collect();
            prop_assert!(errors.is_empty(), "{errors:?}\n{}", imported.policy);
            let again = run().map(|again| (again.policy, again.report));
            prop_assert_eq!(
                again.ok(),
                Some((imported.policy, imported.report)),
                "it is not stable"
            );
        }
        Err(message) => {
            prop_assert!(!message.contains('\n') && message.len() < 1_000, "{message}");
        }
    }
    Ok(())
}
