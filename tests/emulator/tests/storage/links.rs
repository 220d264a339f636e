//! The link to a result: what it opens, and what it does not.

use emulator::{Emulator, Settings};

use crate::account::Account;
use crate::{COUNTS, Job, KEY, TABLE, anonymous};

#[test]
fn a_link_reads_its_blob_for_a_while_and_does_nothing_else() {
    let account = Account::start();
    let emulator = Emulator::start(Settings::demo(KEY)).unwrap();
    account.put("in.csv", TABLE);
    let link = Job::run(emulator.address(), &account, "box/in.csv", "box/out.csv").link();
    let base = format!("http://127.0.0.1:{}/devstoreaccount1/", account.port());
    let (blob, token) = link.split_once('?').unwrap();
    assert_eq!(blob, format!("{base}box/out.csv"));
    assert_eq!(read(&link).0, 200);
    assert_eq!(read(&link).1.lines().nth(1), Some(COUNTS));

    for (method, link) in [
        ("PUT", link.clone()),
        ("DELETE", link.clone()),
        ("GET", format!("{base}box/in.csv?{token}")),
        ("GET", format!("{base}box?restype=container&comp=list&{token}")),
        ("GET", link.replace("sp=r", "sp=rw")),
        ("GET", link.replace("se=20", "se=30")),
    ] {
        let status = anonymous(method, &link).status;
        assert!((400..500).contains(&status), "{method} {link}: {status}");
    }
    assert!(read(blob).0 >= 400, "readable without a token");
    assert_eq!(read(&link).0, 200, "the blob has suffered");

    let parameter = |name: &str| {
        let mut pairs = form_urlencoded::parse(token.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap()
    };
    assert_eq!((parameter("sp").as_str(), parameter("sr").as_str()), ("r", "b"));
    let minutes = |time: String| {
        let clock = time.split_once('T').unwrap().1;
        let number = |at: usize| clock[at..at + 2].parse::<i32>().unwrap();
        number(0) * 60 + number(3)
    };
    // Five minutes back and fifteen ahead, over midnight too.
    let span = (minutes(parameter("se")) - minutes(parameter("st"))).rem_euclid(24 * 60);
    assert_eq!(span, 20);
}

#[test]
fn a_link_works_for_a_name_of_any_characters() {
    let account = Account::start();
    let emulator = Emulator::start(Settings::demo(KEY)).unwrap();
    account.put("in.csv", TABLE);
    for name in
        ["a b.csv", "ü/日本.csv", "a+b&c=d.csv", "50%25 #1?.csv", "(x)'[y]~!.csv", "no-ending"]
    {
        let job = Job::run(emulator.address(), &account, "box/in.csv", &format!("box/{name}"));
        let (status, body) = read(&job.link());
        assert_eq!((status, body.lines().nth(1)), (200, Some(COUNTS)), "{name}: {body}");
        assert!(account.has(name), "{name}");
    }
}

fn read(link: &str) -> (u16, String) {
    let answer = anonymous("GET", link);
    (answer.status, answer.body)
}
