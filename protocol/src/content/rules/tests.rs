// SPDX-License-Identifier: EUPL-1.2
//! The builtin rules hold, and every way of writing rules wrongly is refused with line and remedy.

use super::*;

const BUILTIN: &str = include_str!("../../../../config/locators.toml");

/// The smallest complete set, to be broken in one place at a time.
const SMALL: &str = r#"version = 1
[tracking]
names = ["fbclid"]
prefixes = ["utm_"]
[exact]
[loose]
[[platform]]
id = "a"
domains = ["a.test"]
[[platform.object]]
kind = "thing"
key = ["id"]
same = [["https://a.test/x/1", "https://a.test/x/1?fbclid=1"]]
apart = [["https://a.test/x/1", "https://a.test/x/2"]]
[platform.object.capture]
id = { alphabet = "digits" }
name = {}
[[platform.object.pattern]]
hosts = ["a.test"]
path = "/x/{id}"
"#;

#[test]
fn the_builtin_rules_hold_and_know_the_sample_platforms() {
    let rules = LocatorRules::builtin();
    assert_eq!(rules.version(), 1);
    assert_eq!(rules.digest_hex(), hex_encode(&Sha256::digest(BUILTIN)));
    let platforms: Vec<&str> = rules.platforms().collect();
    assert_eq!(
        platforms,
        ["video-a", "social-b", "messenger-c", "files-d", "paste-e", "archive-f", "blogs-g", "forum-h"]
    );
    assert_eq!(rules.tracking_names.len(), 27);
}

#[test]
fn the_digest_is_over_the_exact_bytes() {
    let digest = |text: &str| LocatorRules::from_toml(text).expect("rules").digest();
    assert_eq!(digest(SMALL), digest(SMALL));
    assert_ne!(digest(SMALL), digest(&format!("{SMALL}\n")));
}

#[test]
fn what_is_wrong_is_named_with_line_rule_and_remedy() {
    for (from, to, expected) in [
        ("version = 1", "version = 0", "line 1, version: versions count from 1"),
        ("version = 1\n", "", "line 1, column 1: missing field `version`"),
        ("[exact]", "[exact]\nsurprise = 1", "line 6, column 1: unknown field `surprise`"),
        ("\"fbclid\"]", "\"fb clid\"]", "line 3, [tracking]: \"fb clid\" is not a parameter name"),
        ("[exact]", "[exact]\nfragment_routed = [\"A.test\"]", "line 6, [exact]: \"A.test\" is not a host"),
        ("[exact]", "[exact]\nsame = [[\"https://a.test/\"]]", "line 6, [exact]: no examples"),
        ("id = \"a\"", "id = \"A\"", "line 8, A: \"A\" is not an id"),
        ("domains = [\"a.test\"]", "domains = []", "line 8, a: domains is empty"),
        (
            "domains = [\"a.test\"]",
            "domains = [\"a.test\", \"a.test\"]",
            "line 9, a: the domain \"a.test\" belongs to another",
        ),
        ("domains = [\"a.test\"]", "domains = [\"a.test.\"]", "line 9, a: \"a.test.\" is not a host"),
        ("domains = [\"a.test\"]", "domains = [\"127.0.0.1\"]", "line 9, a: \"127.0.0.1\" is not a host"),
        (
            "domains = [\"a.test\"]",
            "ignore_www = true\ndomains = [\"www.a.test\"]",
            "line 10, a: \"www.a.test\" is not a host",
        ),
        (
            "domains = [\"a.test\"]",
            "other = \"thing\"\ndomains = [\"a.test\"]",
            "line 12, a/thing: \"thing\" is defined twice",
        ),
        ("key = [\"id\"]", "key = []", "line 11, a/thing: key is empty"),
        ("key = [\"id\"]", "key = [\"no\"]", "line 12, a/thing: the capture \"no\" is not described"),
        (
            "key = [\"id\"]",
            "key = [\"id\", \"name\"]",
            "line 20, a/thing: the pattern does not capture \"name\"",
        ),
        (
            "{ alphabet = \"digits\" }",
            "{ length = 2, max = 3 }",
            "line 16, a/thing: the lengths of capture \"id\"",
        ),
        (
            "{ alphabet = \"digits\" }",
            "{ min = 4, max = 3 }",
            "line 16, a/thing: the lengths of capture \"id\"",
        ),
        (
            "{ alphabet = \"digits\" }",
            "{ lower = true }",
            "line 16, a/thing: the capture \"id\" needs an alphabet",
        ),
        (
            "{ alphabet = \"digits\" }",
            "{ alphabet = \"latin\" }",
            "line 16, column 19: unknown variant `latin`",
        ),
        ("hosts = [\"a.test\"]", "hosts = []", "line 11, a/thing: hosts is empty"),
        (
            "hosts = [\"a.test\"]",
            "hosts = [\"b.test\"]",
            "line 19, a/thing: the host \"b.test\" lies outside",
        ),
        (
            "hosts = [\"a.test\"]",
            "hosts = [\"nota.test\"]",
            "line 19, a/thing: the host \"nota.test\" lies outside",
        ),
        ("hosts = [\"a.test\"]", "hosts = [\"{}.a.test\"]", "line 19, a/thing: \"{}.a.test\" is not a host"),
        ("\"/x/{id}\"", "\"x/{id}\"", "line 20, a/thing: \"x/{id}\" is not a path"),
        ("\"/x/{id}\"", "\"/x-{id}\"", "line 20, a/thing: \"/x-{id}\" is not a path"),
        ("\"/x/{id}\"", "\"/**/{id}\"", "line 20, a/thing: \"/**/{id}\" is not a path"),
        ("\"/x/{id}\"", "\"/{no}/{id}\"", "line 20, a/thing: the capture \"no\" is not described"),
        ("\"/x/{id}\"", "\"/{id}/{id}\"", "line 20, a/thing: the capture \"id\" occurs twice"),
        (
            "\"/x/{id}\"",
            "\"/x/{id}\"\nquery = { q = \"a b\" }",
            "line 21, a/thing: \"a b\" is not a parameter name or value",
        ),
        (
            "{ alphabet = \"digits\" }\nname = {}\n[[platform.object.pattern]]\nhosts = [\"a.test\"]\npath = \"/x/{id}\"",
            "{}\n[[platform.object.pattern]]\nhosts = [\"a.test\"]\npath = \"/x\"\nquery = { q = \"{id}\" }",
            "line 19, a/thing: the capture \"id\" needs an alphabet",
        ),
        ("apart = ", "# ", "line 13, a/thing: no examples"),
        (
            "1?fbclid=1",
            "2",
            "line 13, a/thing: these examples should have one key but have platform:a:thing:1 and platform:a:thing:2",
        ),
        (
            "x/1\", \"https://a.test/x/2",
            "x/1\", \"https://a.test/x/1#2",
            "line 14, a/thing: these examples should stay apart",
        ),
        ("x/2\"]]", "x/2\", \"https://a.test/x/3\"]]", "line 14, a/thing: an example has 3 addresses"),
        (
            "https://a.test/x/2",
            "a.test/x/2",
            "line 14, a/thing: an example is not an address: not a web address",
        ),
        (
            "same = [[\"https://a.test/x/1\"",
            "same = [[\"https://a.test/y/1\"",
            "line 13, a/thing: this example does not get a key of this kind but exact:",
        ),
    ] {
        assert!(SMALL.contains(from), "{from}");
        let error = LocatorRules::from_toml(&SMALL.replacen(from, to, 1)).expect_err(to).to_string();
        assert!(error.starts_with(&format!("locator rules, {expected}")), "{to}: {error}");
    }
    assert_eq!(
        LocatorRules::from_toml(&" ".repeat(RULES_LEN_MAX + 1)).expect_err("too long"),
        RulesError::TooLong
    );
}

#[test]
fn the_nearest_domain_decides_whose_host_it_is() {
    let second = "[[platform]]\nid = \"b\"\ndomains = [\"b.a.test\"]\n";
    let rules = LocatorRules::from_toml(&format!("{SMALL}{second}")).expect("rules");
    for (host, platform) in [("a.test", "a"), ("x.a.test", "a"), ("b.a.test", "b"), ("x.b.a.test", "b")] {
        assert_eq!(rules.platform_of_host(host), Some(platform), "{host}");
    }
    assert_eq!(rules.platform_of_host("test"), None);
}
