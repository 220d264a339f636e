//! What jobs come to.

use std::thread;

use emulator::{Emulator, Settings};
use serde_json::json;
use support::free_port;
use support::storage::{ACCOUNT, ACCOUNT_KEY, connection_string};

use crate::account::Account;
use crate::{COUNTS, Job, KEY, SERVICE, TABLE, anonymous, send};

fn start() -> Emulator {
    Emulator::start(Settings::demo(KEY)).unwrap()
}

#[test]
fn a_job_that_cannot_be_done_fails_and_says_why() {
    let (account, emulator) = (Account::start(), start());
    account.put("in.csv", TABLE);
    account.put("text.csv", "Col1,Text\n1,x\n");
    account.put("short.csv", "Col1,Col2\n1,x\n2\n");
    account.put("empty.csv", "");
    account.put("latin1.csv", *b"Col2\ncaf\xe9\n");
    let right = account.connection_string();
    let wrong_key = right.replace(ACCOUNT_KEY, "c2VjcmV0");
    let nobody = connection_string(free_port());
    let cases = [
        (
            &right,
            "box/none.csv",
            "box/out.csv",
            "blob - box/none.csv. Azure error message: BlobNotFound: ",
        ),
        (
            &right,
            "nobox/in.csv",
            "box/out.csv",
            "blob - nobox/in.csv. Azure error message: ContainerNotFound: ",
        ),
        (&wrong_key, "box/in.csv", "box/out.csv", "Azure error message: AuthorizationFailure: "),
        (&nobody, "box/in.csv", "box/out.csv", "Connection refused"),
        (
            &right,
            "box/in.csv",
            "nobox/out.csv",
            "output blob - nobox/out.csv. Azure error message: ContainerNotFound: ",
        ),
        (
            &right,
            "box/text.csv",
            "box/out.csv",
            "no column Col2. Its columns are \"Col1\", \"Text\".",
        ),
        (&right, "box/empty.csv", "box/out.csv", "no column Col2. It is empty."),
        (&right, "box/short.csv", "box/out.csv", "not a CSV table: CSV error: record 2 (line: 3"),
        (&right, "box/latin1.csv", "box/out.csv", "invalid UTF-8"),
    ];
    for (storage, input, output, why) in cases {
        let job = Job::submit(emulator.address(), storage, input, output);
        assert_eq!(job.status()["StatusCode"], "NotStarted");
        job.start();
        assert_eq!(job.status()["StatusCode"], "Running");
        let end = job.end();
        assert_eq!(end["StatusCode"], "Failed", "{input}: {end}");
        assert!(end["Results"].is_null());
        let details = end["Details"].as_str().unwrap();
        assert!(details.contains(why), "{input}: {details}");
        for secret in ["c2VjcmV0", ACCOUNT_KEY, "RequestId"] {
            assert!(!details.contains(secret), "{details}");
        }
        assert!(!account.has("out.csv"), "{input} left an output");
    }
}

#[test]
fn a_connection_string_that_names_no_account_rightly_is_refused_when_the_job_is_submitted() {
    let emulator = start();
    let url = format!("http://{}{}/jobs?api-version=2.0", emulator.address(), SERVICE);
    let body = r#"{"Input":{"ConnectionString":"AccountName=abc1;AccountKey=s3cret!","RelativeLocation":"/box/in.csv"}}"#;
    let answer = send("POST", &url, body);
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("InvalidBlobConnectionString"), "{}", answer.body);
    assert!(answer.body.contains("AccountKey must be base64") && !answer.body.contains("s3cret"));
}

#[test]
fn a_running_job_that_is_deleted_is_cancelled_and_leaves_no_output() {
    let (account, emulator) = (Account::start(), start());
    account.put_rows("in.csv", "Col2\n", "This is a good day\n", 100_000);
    let job = Job::run(emulator.address(), &account, "box/in.csv", "box/out.csv");
    assert_eq!(job.status()["StatusCode"], "Running");
    assert_eq!(job.status()["StatusCode"], "Running", "the table is too short for this test");
    job.cancel();
    assert_eq!(job.status()["StatusCode"], "Cancelled");
    // The same work, begun later: when it is done, the cancelled job would be done too.
    Job::run(emulator.address(), &account, "box/in.csv", "box/second.csv").link();
    assert_eq!(job.status()["StatusCode"], "Cancelled");
    assert!(account.has("second.csv") && !account.has("out.csv"));
}

#[test]
fn jobs_submitted_at_once_each_have_their_own_result() {
    let (account, emulator) = (Account::start(), start());
    let (address, storage) = (emulator.address(), account.connection_string());
    for number in 0..32 {
        account.put(&format!("{number}.csv"), format!("{TABLE}{}", "2,a\n".repeat(number)));
    }
    thread::scope(|scope| {
        for number in 0..32 {
            let storage = &storage;
            scope.spawn(move || {
                let (input, output) =
                    (format!("box/{number}.csv"), format!("box/{number}.out.csv"));
                let job = Job::submit(address, storage, &input, &output);
                job.start();
                let result = anonymous("GET", &job.link()).body;
                let rows: Vec<_> = result.lines().skip(1).collect();
                assert_eq!((rows[0], rows.len()), (COUNTS, number + 1));
            });
        }
    });
}

#[test]
fn a_job_of_one_account_may_write_to_another_store() {
    let (account, emulator) = (Account::start(), start());
    account.put("in.csv", TABLE);
    let storage = account.connection_string();
    // Nobody says where the output goes: to the service's own store, which the emulator has.
    let body = json!({"Input": {"ConnectionString": storage, "RelativeLocation": "box/in.csv"}});
    let jobs = format!("http://{}{}/jobs", emulator.address(), SERVICE);
    let answer = send("POST", &format!("{jobs}?api-version=2.0"), &body.to_string());
    let job = Job { url: format!("{jobs}/{}", answer.json().as_str().unwrap()) };
    job.start();
    let link = job.link();
    assert!(link.starts_with(&format!("http://{}/blob/", emulator.address())), "{link}");
    assert!(!link.contains(ACCOUNT));
    assert_eq!(anonymous("GET", &link).body.lines().nth(1), Some(COUNTS));
}
