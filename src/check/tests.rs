//! The rules as a whole: what must be found, what must not, masks, paths, outputs, fixtures.

use serde_json::{Value, json};

use super::output::{Place, github, json as json_output, sarif};
use super::*;

fn run(config: &Value) -> Vec<Finding> {
    check(config, &Context::for_profile("atoms"))
}

fn rules(config: &Value) -> Vec<&'static str> {
    run(config).iter().map(|finding| finding.rule).collect()
}

/// Test secrets are put together here, so that scanners of this repository stay calm.
fn key(prefix: &str) -> String {
    format!("{prefix}Qx7Lm2Vt9Rz4Kp8Wd3Ns6Yb1Hc5Jf0Ga")
}

const HEX32: &str = "9f86d081884c7d659a2feaa0c55ad015";

fn secret_texts() -> Vec<String> {
    vec![
        key("sk-proj-"),
        key("sk-"),
        key("sk-ant-api03-"),
        key("sk-or-v1-"),
        format!("AKIA{}", "Q3EGWJ5N7RTYUIOP"),
        format!("ASIA{}", "Q3EGWJ5N7RTYUIOP"),
        format!("AKIA{} {}", "Q3EGWJ5N7RTYUIOP", "wJalrXUtnFEMIK7MDENGbPxRfiCYzzQ4t8mLk2Pq"),
        key("ghp_"),
        key("github_pat_11"),
        key("xoxb-123456789012-"),
        format!("https://hooks.slack.com/services/T0A1B2C3D/B0A1B2C3D/{}", "Zx8Cv7Bn6Ml5Kj4Hg3Fd2S1a"),
        key("sk_live_"),
        key("rk_live_"),
        format!("tvly-dev-{}", key("")),
        key("AIza0"),
        format!("AIza{}", "SyD3x9Kq2Lm7Vt4Rz8Wp1Ns6Yb5Hc0Jf3Ga"),
        format!("SK{HEX32}"),
        format!("AC{HEX32}:{}", "0a1b2c3d4e5f60718293a4b5c6d7e8f9"),
        format!("SG.{}.{}", "Qx7Lm2Vt9Rz4Kp8Wd3Ns6Y", "Yb1Hc5Jf0GaQx7Lm2Vt9Rz4Kp8Wd3Ns6Yb1Hc5Jf0Ga"),
        format!("sk_{HEX32}{}", "9f86d081884c7d65"),
        format!(
            "{}.{}.{}",
            "eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIn0", "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9Pl"
        ),
        format!("Bearer {}", key("")),
        format!("Basic {}", "cmVjZXB0aW9uOmh1bnRlcjI="),
        format!("-----BEGIN {}PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END {}PRIVATE KEY-----", "RSA ", "RSA "),
        "postgres://agent:s3cr3t-pw@db.example.com/calls".to_owned(),
        format!("https://api.example.com/v1/slots?api_key={HEX32}"),
        format!("{{\"api_key\": \"{HEX32}\", \"slot\": 4}}"),
        "{\\\"password\\\":\\\"hunter2hunter2\\\"}".to_owned(),
        format!("Use the key when asked.\napi_key = {}\nThen hang up.", key("")),
    ]
}

#[test]
fn secrets_are_found_by_shape_in_any_text() {
    for text in secret_texts().iter().filter(|text| !text.starts_with("AIza0")) {
        let found = run(&json!({ "note": text }));
        assert!(found.iter().any(|finding| finding.rule == "secret-in-config"), "{text}");
        assert!(found.iter().all(|finding| finding.severity == Severity::Error), "{text}");
    }
}

#[test]
fn secrets_are_found_in_prose_and_in_keys() {
    let prose =
        format!("You are Mia. Call the API with {} and be kind, naïve caller or not.", key("sk-proj-"));
    assert_eq!(rules(&json!({ "prompt": prose })), ["secret-in-config"]);
    let found = run(&json!({ "map": { key("ghp_"): 1 } }));
    assert_eq!(found.len(), 1);
    assert!(!found[0].path.contains("Qx7Lm2") && !found[0].pointer.contains("Qx7Lm2"), "{}", found[0].path);
}

#[test]
fn literals_in_fields_for_secrets_are_found() {
    for config in [
        json!({ "headers": { "Authorization": "hunter2" } }),
        json!({ "headers": { "xi-api-key": HEX32 } }),
        json!({ "headers": { "X-Key": key("") } }),
        json!({ "headersArray": [{ "key": "X-Api-Key", "value": "abcd-efgh-4711" }] }),
        json!({ "queryParams": [{ "key": "access_token", "value": "9f86d081884c" }] }),
        json!({ "queryParams": { "apikey": "47114711ab" } }),
        json!({ "defaultVariables": { "db_password": "swordfish" } }),
        json!({ "tool": { "clientSecret": "3fa85f64-5717-4562-b3fc-2c963f66afa6" } }),
        json!({ "api_key": ["4711-0815-abc"] }),
        json!({ "auth_token": format!("Token {HEX32}") }),
    ] {
        assert_eq!(rules(&config), ["secret-in-config"], "{config}");
    }
}

#[test]
fn what_only_looks_like_a_secret_is_let_through() {
    let image =
        format!("data:image/png;base64,{}", "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ/AKI+x9".repeat(40));
    for config in [
        json!({ "headers": { "Authorization": "Bearer {{api_key}}", "X-Api-Key": "{{clinic.key}}" } }),
        json!({ "headers": { "Authorization": "Bearer YOUR_API_KEY", "api-key": "<token>" } }),
        json!({ "headers": { "Authorization": "Bearer <token>", "X-Secret": "xxxxxxxx" } }),
        json!({ "headers": { "Authorization": "${CRM_TOKEN}", "X-Token": "$CRM_TOKEN" } }),
        json!({ "headers": { "Content-Type": "application/json", "X-Request-Id": "{{call_id}}" } }),
        json!({ "headersArray": [{ "key": "Authorization", "value": "" }] }),
        json!({ "knowledgeBaseId": "3fa85f64-5717-4562-b3fc-2c963f66afa6", "_id": "60d0fe4f5311236168a109ca" }),
        json!({ "commit": "44373c1f00ba44373c1f00ba44373c1f00ba4437", "digest": HEX32 }),
        json!({ "voiceId": "21m00Tcm4TlvDq8ikWAM", "accountSid": format!("AC{HEX32}") }),
        json!({ "color": "#1f6feb", "theme": { "primary": "rgba(12, 34, 56, 0.8)" } }),
        json!({ "image": image }),
        json!({ "max_tokens": 4096, "maxTokens": "4096", "token_url": "https://auth.example.com/token", "tokenizer": "o200k_base" }),
        json!({ "llmParameters": [{ "name": "password", "description": "The caller's password reset word", "type": "text" }] }),
        json!({ "responseVariables": [{ "variableName": "auth_token", "jsonPath": "$.data.token" }] }),
        json!({ "authorization": "none", "auth": { "type": "bearer" }, "password": "required" }),
        json!({ "password": "Ask the caller for their password hint first." }),
        json!({ "prompt": "Password: never ask for it. Token: the basic understanding of bearer responsibilities is yours." }),
        json!({ "prompt": "Say sk-learn is a library; task-oriented-dialogue-and-more-words is a slug. Bearer authentication-required." }),
        json!({ "prompt": "API_KEY=actual_secret_key_12345 token: collect_order_number_and_email. api_key = see_the_vault_for_the_key_value" }),
        json!({ "text": "The secret: patience_and_kindness_win. risk-assessment-2024-quarter-3-review-board" }),
        json!({ "next_page_token": "abc123def456", "stop_token": "<|im_end|>" }),
        json!({ "requestBody": "{\"token\": \"{{session_token}}\", \"password\": \"<password>\"}" }),
        json!({ "url": "https://user@example.com/a?key={{k}}&page=2&token=YOUR_TOKEN_GOES_HERE" }),
        json!({ "mail": "mailto:help@example.com", "time": "https://example.com:8443/@handle" }),
    ] {
        let found: Vec<_> = run(&config).into_iter().filter(|f| f.severity == Severity::Error).collect();
        assert!(found.is_empty(), "{config}: {found:?}");
    }
}

#[test]
fn addresses_must_be_encrypted_and_public() {
    let plain = ["plain-http-url"];
    let private = ["private-network-url"];
    let check = |config: Value, expected: &[&str]| assert_eq!(rules(&config), expected, "{config}");
    check(json!({ "url": "http://api.example.com/v1" }), &plain);
    check(json!({ "url": " HTTP://api.example.com" }), &plain);
    check(json!({ "customLLMWebSocketUrl": "ws://llm.example.com" }), &plain);
    check(json!({ "webhook": { "target": "http://{{agent_id}}/x" } }), &plain);
    check(json!({ "preCallAPI": { "url": "https://169.254.169.254/latest" } }), &private);
    check(json!({ "url": "https://user@10.0.0.1:8443/x" }), &private);
    check(json!({ "url": "https:\\\\0x7f.1\\x" }), &private);
    check(json!({ "endpoint": "192.168.1.5:9000/hook" }), &private);
    check(json!({ "server": "wss://[::1]:9000" }), &private);
    check(json!({ "url": "http://localhost:3000" }), &["plain-http-url", "private-network-url"]);
    for good in [
        json!({ "url": "https://api.example.com", "webhook": "wss://x.example.com/{{call_id}}" }),
        json!({ "url": "https://{{agent_id}}/x", "endpoint": "{{call_id}}/y", "href": "/relative/path" }),
        json!({ "prompt": "Visit http://example.com or localhost today." }),
        json!({ "widgetConfig": { "allowlist": ["http://localhost:3000"] } }),
        json!({ "url": "", "uri": "sip:desk@example.com", "link": "mailto:a@example.com" }),
    ] {
        check(good, &[]);
    }
}

#[test]
fn numbers_that_are_dialled_must_be_e164() {
    for bad in [
        json!({ "transferNumber": "" }),
        json!({ "transferNumber": "415-555-0123" }),
        json!({ "transferNumber": "front desk" }),
        json!({ "transferNumber": "sip:desk@example.com" }),
        json!({ "transferNumber": 14_155_550_123_u64 }),
        json!({ "toPhone": "+0123456789" }),
        json!({ "phone_numbers": ["+14155550123", "+1 415 555 0123"] }),
        json!({ "fromPhone": "+1234567890123456" }),
    ] {
        assert_eq!(rules(&bad), ["phone-not-e164"], "{bad}");
    }
    for good in [
        json!({ "transferNumber": "+14155550123", "phoneNumber": "+493023125014" }),
        json!({ "transferNumber": "{{desk_number}}", "phoneNumber": "", "defaultVariables": { "desk_number": "1", "phone_number": "030 1" } }),
        json!({ "phone_number": "The caller's number in E.164 form", "toPhone": "string" }),
        json!({ "llmParameters": [{ "name": "phoneNumber", "description": "such as 415", "type": "text" }] }),
    ] {
        assert_eq!(rules(&good), Vec::<&str>::new(), "{good}");
    }
    let message = &run(&json!({ "transferNumber": "0049 30 23125014" }))[0].message;
    assert_eq!(
        message,
        "telephone number that is not in E.164 form: '0049 30 23125014', write '+493023125014'"
    );
    let generic =
        check(&json!({ "transferNumber": "sip:desk@example.com" }), &Context::for_profile("generic"));
    assert!(generic.is_empty(), "{generic:?}");
}

#[test]
fn variables_must_be_defined_where_they_are_used() {
    let config = json!({
        "defaultVariables": { "clinic": "Elm" },
        "preCallAPI": { "url": "https://a.example.com", "responseVariables": [{ "variableName": "tier", "jsonPath": "$.t" }] },
        "singlePromptConfig": {
            "prompt": "Hi\n{{clinic}} {{tier}} {{symptom}} {{slot_id}} {{call_id}}\n{{day}} {{clinik}}",
            "tools": [
                { "name": "book", "url": "https://a.example.com/{{day}}", "llmParameters": [{ "name": "day" }],
                  "responseVariables": [{ "variableName": "slot_id", "jsonPath": "$.id" }] },
                { "name": "pull", "variablesExtractionSchema": [{ "name": "symptom" }] },
                { "name": "other", "requestBody": "{{day}}" },
            ],
        },
    });
    let found: Vec<_> = run(&config).into_iter().map(|f| (f.path, f.line, f.message)).collect();
    let at = |path: &str, line, message: &str| (path.to_owned(), line, message.to_owned());
    assert_eq!(
        found,
        [
            at("prompt", Some(3), "undefined variable: '{{day}}'"),
            at("prompt", Some(3), "undefined variable: '{{clinik}}', perhaps '{{clinic}}'"),
            at("tools[other].requestBody", None, "undefined variable: '{{day}}'"),
        ]
    );
    let outside =
        Context { variables: vec!["day".to_owned(), "clinik".to_owned()], ..Context::for_profile("atoms") };
    assert!(check(&config, &outside).is_empty());
}

#[test]
fn masks_never_pass_as_values() {
    let bad = [
        json!({ "headers": { "Authorization": "Bearer ****" } }),
        json!({ "api_key": "****1234" }),
        json!({ "apiKey": "••••••••" }),
        json!({ "note": "********" }),
        json!({ "note": "sk-p****" }),
        json!({ "prompt": "Use AKIA**** when asked to." }),
        json!({ "requestBody": "{\"token\": \"ab****\"}" }),
        json!({ "url": "https://agent:****@db.example.com" }),
    ];
    for config in bad {
        assert_eq!(rules(&config), ["masked-secret"], "{config}");
        assert_eq!(contains_mask(&config).len(), 1, "{config}");
    }
    for good in [
        json!({ "prompt": "**Rule 1** be kind\n****\n**Rule 2** the card **** 4242, your password is never ****" }),
        json!({ "card": "****4242", "pin": "***" }),
    ] {
        assert_eq!(rules(&good), Vec::<&str>::new(), "{good}");
    }
}

#[test]
fn whatever_is_masked_is_refused_when_it_comes_back() {
    for text in secret_texts() {
        let masked = mask_text(&text);
        if masked == text {
            assert!(text.starts_with("AIza0"), "{text}");
            continue;
        }
        assert_eq!(mask_text(&masked), masked, "masking twice changes nothing");
        for note in [masked.to_string(), format!("Say hello.\nUse {masked} and\nsay goodbye.")] {
            let found = rules(&json!({ "note": note }));
            assert!(found.contains(&"masked-secret"), "{note}");
        }
    }
}

#[test]
fn masks_hide_all_but_four_characters() {
    let token = key("");
    let line = format!("-  \"Authorization\": \"Bearer {token}\", \"n\": 1");
    assert_eq!(mask_text(&line), "-  \"Authorization\": \"Bearer Qx7L****\", \"n\": 1");
    assert!(matches!(mask_text("nothing to hide"), std::borrow::Cow::Borrowed(_)));
    let config =
        json!({ "headers": { "X-Api-Key": "hunter2", "Accept": "text/html" }, "list": [key("ghp_"), 3] });
    let masked =
        json!({ "headers": { "X-Api-Key": "h****", "Accept": "text/html" }, "list": ["ghp_****", 3] });
    assert_eq!(mask_value(&config), masked);
    assert!(!rules(&masked).contains(&"secret-in-config"));
}

#[test]
fn no_form_of_a_report_holds_the_secret() {
    let place = |_: &Finding| Place { file: "tools.json".to_owned(), line: 1 };
    for text in secret_texts().into_iter().chain([format!("http://10.0.0.1/?token={}", key(""))]) {
        let report = Report::new(run(&json!({ "password": "swordfish9", "url": text })));
        let all = format!(
            "{:?} {} {} {}",
            report.findings,
            json_output(&report, Some(&[1; 32])),
            github(&report, &place),
            sarif(&report, &place, Some(&[1; 32]))
        );
        for secret in ["Qx7Lm2", "swordfish9", "0a1b2c3d4e5f", "hunter2", "s3cr3t-pw", "wJalrX", "dozjgNry"] {
            assert!(!all.contains(secret), "{secret} in {all}");
        }
    }
}

#[test]
fn fingerprints_depend_on_key_rule_and_secret_and_not_on_the_path() {
    let of = |config: Value| run(&config).remove(0);
    let first = of(json!({ "a": { "password": "swordfish" } }));
    let moved = of(json!({ "b": { "password": "swordfish" } }));
    let other = of(json!({ "a": { "password": "swordfish2" } }));
    let print = |finding| fingerprint(&[7; 32], finding);
    assert_eq!(print(&first).len(), 32);
    assert_eq!(print(&first), print(&moved));
    assert_ne!(print(&first), print(&other));
    assert_ne!(print(&first), fingerprint(&[8; 32], &first));
}

#[test]
fn paths_name_list_elements_and_pointers_are_exact() {
    let bad = json!({ "url": "http://a.example.com" });
    let with = |name: &str| json!({ "name": name, "url": "http://a.example.com" });
    let config = json!({
        "singlePromptConfig": { "tools": [with("book_slot"), with("a b"), bad] },
        "x/y~z": { "dotted.key": [with("twin"), with("twin")] },
    });
    let places: Vec<_> = run(&config).into_iter().map(|f| (f.path, f.pointer)).collect();
    for (path, pointer) in &places {
        assert_eq!(config.pointer(pointer), Some(&json!("http://a.example.com")), "{path}");
    }
    let paths: Vec<_> = places.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "tools[book_slot].url",
            "tools[1].url",
            "tools[2].url",
            "x/y~z[\"dotted.key\"][0].url",
            "x/y~z[\"dotted.key\"][1].url",
        ]
    );
}

#[test]
fn empty_prompts_are_warned_about_where_they_are_used() {
    let single = json!({ "singlePromptConfig": { "prompt": " \n" }, "globalPrompt": "" });
    assert_eq!(run(&single).iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["prompt"]);
    let graph = json!({ "workflowType": "workflow_graph", "singlePromptConfig": { "prompt": "" }, "globalPrompt": "" });
    assert_eq!(run(&graph).iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["globalPrompt"]);
    assert_eq!(rules(&json!({ "summaryPrompt": "", "instructions": "Be kind." })), Vec::<&str>::new());
}

#[test]
fn reports_count_and_name_the_worst() {
    assert_eq!(Report::default().worst(), None);
    let report = Report::new(run(&json!({ "prompt": "", "url": "http://a.example.com", "note": "{{x}}" })));
    assert_eq!(report.worst(), Some(Severity::Error));
    assert_eq!((report.count(Severity::Error), report.count(Severity::Warning)), (1, 2));
}

#[test]
fn every_finding_names_a_rule_of_the_table() {
    let config = json!({ "prompt": "", "url": "http://10.0.0.1", "note": "{{x}}", "transferNumber": "1",
        "password": "swordfish", "other": "****" });
    let mut found = rules(&config);
    found.sort_unstable();
    assert_eq!(found, RULES.iter().map(|rule| rule.id).collect::<Vec<_>>());
}

#[test]
fn workflow_commands_cannot_be_broken_out_of() {
    let config = json!({ "a\n::error::b": { "url": "http://a.example.com/100%\n::stop" } });
    let report = Report::new(run(&config));
    let text = github(&report, &|_| Place { file: "a:b,c\nd".to_owned(), line: 3 });
    assert_eq!(text.lines().count(), report.findings.len());
    assert!(text.starts_with("::error file=a%3Ab%2Cc%0Ad,line=3,title=plain-http-url::"), "{text}");
}

#[test]
fn sarif_results_point_to_rules_and_places() {
    let report = Report::new(run(&json!({ "password": "swordfish" })));
    let log = sarif(&report, &|_| Place { file: "my agent/tools.json".to_owned(), line: 4 }, None);
    assert_eq!(log["version"], "2.1.0");
    let result = &log["runs"][0]["results"][0];
    let index = usize::try_from(result["ruleIndex"].as_u64().expect("a number")).expect("small");
    assert_eq!(log["runs"][0]["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
    let location = &result["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], "my%20agent/tools.json");
    assert_eq!(location["region"]["startLine"], 4);
    assert!(result.get("partialFingerprints").is_none());
}

#[test]
fn hostile_texts_take_no_more_than_linear_time() {
    for unit in [
        "{{",
        "{{a}}{{b",
        "Bearer ",
        "-----BEGIN PRIVATE KEY-----",
        "token=",
        "a://b:",
        "eyJa.",
        "****",
        "sk-",
    ] {
        let text = unit.repeat(200_000 / unit.len());
        assert!(run(&json!({ "prompt": text })).len() <= 200, "{unit}");
    }
}

#[test]
fn nothing_is_found_in_the_fixtures() {
    let fixtures = [
        ("atoms", include_str!("../../fixtures/agents/atoms-support.json")),
        ("atoms", include_str!("../../fixtures/agents/atoms-outbound-sales.json")),
        ("atoms", include_str!("../../fixtures/agents/atoms-workflow.json")),
        ("atoms", include_str!("../../fixtures/agents/atoms-get-agent.json")),
        ("thinnest", include_str!("../../fixtures/agents/thinnest-helpdesk.json")),
        ("callem", include_str!("../../fixtures/agents/callem-reception.json")),
        ("generic", include_str!("../../fixtures/agents/generic-ivr.json")),
    ];
    let history = include_str!("../../fixtures/agents/history.jsonl").lines().map(|line| ("generic", line));
    for (profile, text) in fixtures.into_iter().chain(history) {
        let config: Value = serde_json::from_str(text).expect("a fixture is JSON");
        let found = check(&config, &Context::for_profile(profile));
        assert_eq!(found, [], "{profile} {}", text.lines().nth(1).unwrap_or(text));
        assert_eq!(mask_value(&config), config);
        assert_eq!(mask_text(text), text);
    }
}
fn check_at(at: &str, value: &Value, expected: &Value) {
    assert_eq!(mask_at(&at.parse().expect("a path"), value), *expected, "{at}");
}

#[test]
fn names_above_a_value_tell_secrets() {
    check_at("tools[0].headers.Authorization", &json!("Zq8vT2nLr5xWk3"), &json!("Zq8****"));
    check_at("tools[0].title", &json!("Zq8vT2nLr5xWk3"), &json!("Zq8vT2nLr5xWk3"));
}
