use super::*;

#[test]
fn not_found_is_api_managements_body_byte_for_byte() {
    let reply = Refusal::NoOperation.reply(ErrorFormat::Apim);
    assert_eq!(reply.body, br#"{ "statusCode": 404, "message": "Resource not found" }"#);
    assert_eq!(reply.body.len(), 54);
}

#[test]
fn a_limit_has_api_managements_bodies_and_says_when_to_come_back() {
    for (kind, seconds, status, body) in [
        (
            Kind::Rate,
            57,
            429,
            r#"{ "statusCode": 429, "message": "Rate limit is exceeded. Try again in 57 seconds." }"#,
        ),
        (
            Kind::Quota,
            1802,
            403,
            r#"{ "statusCode": 403, "message": "Out of call volume quota. Quota will be replenished in 00:30:02." }"#,
        ),
        (
            Kind::Quota,
            442_991,
            403,
            r#"{ "statusCode": 403, "message": "Out of call volume quota. Quota will be replenished in 5.03:03:11." }"#,
        ),
    ] {
        let reply = Refusal::Exceeded(Exceeded { kind, seconds, standings: Vec::new() })
            .reply(ErrorFormat::Apim);
        assert_eq!((reply.status, reply.body), (status, body.as_bytes().to_vec()));
        assert!(reply.headers.contains(&("retry-after", seconds.to_string())));
    }
}

#[test]
fn a_message_with_quotes_stays_json() {
    let reply = Refusal::MissingParameter("a\"b").reply(ErrorFormat::Apim);
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(body["message"], "The query parameter 'a\"b' is required.");
}

#[test]
fn api_management_has_neither_405_nor_400_for_a_template() {
    for refusal in [
        Refusal::Method(vec!["GET"]),
        Refusal::MissingParameter("api-version"),
        Refusal::Parameter("api-version", Rule::OneOf(vec!["2.0"])),
    ] {
        assert_eq!(refusal.under(Compatibility::Apim), Refusal::NoOperation);
    }
    let path = Refusal::Path(PathFault::DotSegment);
    assert_eq!(path.clone().under(Compatibility::Apim), path);
}

#[test]
fn every_code_of_the_table_is_listed() {
    let exceeded = |kind| Refusal::Exceeded(Exceeded { kind, seconds: 1, standings: Vec::new() });
    let key = |fault| Refusal::Key(fault, String::new());
    let rows = [
        Refusal::Unmatched,
        Refusal::Path(PathFault::DotSegment),
        Refusal::Authority,
        Refusal::Query(QueryFault::Byte),
        Refusal::Query(QueryFault::Name),
        Refusal::Query(QueryFault::TooManyParts),
        Refusal::Upgrade,
        Refusal::Protocol(Vec::new()),
        Refusal::NoOperation,
        Refusal::Method(Vec::new()),
        Refusal::MissingParameter("p"),
        Refusal::RepeatedParameter("p"),
        Refusal::Parameter("p", Rule::Boolean),
        Refusal::UnknownParameter(Vec::new()),
        Refusal::UnknownParameter(vec!["p"]),
        key(KeyFault::Missing),
        key(KeyFault::Unknown),
        key(KeyFault::NotActive),
        key(KeyFault::NotYetValid),
        key(KeyFault::Expired),
        key(KeyFault::OutOfScope),
        key(KeyFault::Ambiguous),
        exceeded(Kind::Rate),
        exceeded(Kind::Quota),
        Refusal::Contended,
        Refusal::Credential(CredentialFault::Missing),
        Refusal::Credential(CredentialFault::Repeated),
        Refusal::NoBackend,
        Refusal::Rewrite("p"),
        Refusal::ReservedParameter("p"),
    ];
    let mut codes: Vec<_> = rows.iter().map(Refusal::code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes, CODES);
}
