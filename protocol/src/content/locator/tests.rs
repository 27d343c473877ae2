// SPDX-License-Identifier: EUPL-1.2
//! What is an address, what its keys are, and what stays apart.

use proptest::prelude::*;

use super::*;
use crate::content::{ContentKey, LocatorRules};

/// Parsed once: reading runs every example.
fn builtin() -> &'static LocatorRules {
    static RULES: std::sync::LazyLock<LocatorRules> = std::sync::LazyLock::new(LocatorRules::builtin);
    &RULES
}

fn locator(text: &str) -> Locator {
    Locator::parse(text).expect(text)
}

fn exact(text: &str, rules: &LocatorRules) -> String {
    locator(text).keys(rules).exact.as_str().to_owned()
}

fn loose(text: &str, rules: &LocatorRules) -> String {
    locator(text).keys(rules).loose.to_string()
}

#[test]
fn the_raw_form_is_kept_and_shown_defanged() {
    let written = "  hxxps[:]//User[@]WWW[.]Host[.]Example/%7e?utm_source=x#y\r\n";
    let address = locator(written);
    assert_eq!(address.as_str(), "https://User@WWW.Host.Example/%7e?utm_source=x#y");
    assert_eq!(address.host(), "www.host.example");
    assert!(address.has_credentials());
    assert_eq!(address.defanged(), "hxxps[:]//User[@]WWW[.]Host[.]Example/%7e?utm_source=x#y");
    assert_eq!(format!("{address:?}"), format!("Locator({})", address.defanged()));
    let json = serde_json::to_string(&address).expect("text");
    assert_eq!(json, format!("\"{}\"", address.as_str()));
    assert_eq!(serde_json::from_str::<Locator>(&json).ok(), Some(address));
}

#[test]
fn look_alike_hosts_are_shown_in_both_spellings() {
    assert_eq!(locator("https://bücher.example/").host(), "xn--bcher-kva.example");
    assert_eq!(locator("https://xn--bcher-kva.example/").host_unicode().as_deref(), Some("bücher.example"));
    assert_eq!(locator("https://host.example/").host_unicode(), None);
}

#[test]
fn what_is_no_public_place_is_refused_with_the_reason() {
    use LocatorError as E;
    let refused = |text: &str| Locator::parse(text).expect_err(text);
    for blank in ["", " \t\u{feff}"] {
        assert_eq!(refused(blank), E::Empty);
    }
    for other in [
        "video-a.test/watch",
        "ftp://host.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "//host.example/",
    ] {
        assert_eq!(refused(other), E::NotWeb, "{other}");
    }
    for no_host in [
        "https://",
        "https:///?x",
        "http://a b.example/",
        "http://host.example:99999/",
        "http://256.1.1.1/",
        "http://[::1/",
    ] {
        assert!(matches!(refused(no_host), E::BadHost(_)), "{no_host}");
    }
    assert_eq!(refused("http://a..example/"), E::EmptyLabel);
    assert_eq!(refused("http://a.example../"), E::EmptyLabel);
    assert_eq!(refused("http://a.example/\nhttp://b.example/"), E::ControlCharacter { at: 18, code: 10 });
    assert_eq!(refused(&format!("http://a.example/{}", "x".repeat(LOCATOR_LEN_MAX))), E::TooLong);
    assert_eq!(refused(&format!("http://a.example/{}", "é".repeat(2_000))), E::TooLong);
    assert_eq!(refused(&format!("http://a.example/{}", "^".repeat(3_000))), E::TooLong);
    assert_eq!(refused(&"x".repeat(10_000_000)), E::TooLong);
}

#[test]
fn private_and_local_hosts_are_refused_in_every_notation() {
    use NotPublic::{LinkLocal, LocalName, Loopback, NoHost, Private};
    for (why, hosts) in [
        (
            Loopback,
            "localhost LOCALHOST. a.localhost 127.0.0.1 127.1 0x7f.1 017700000001 2130706433 [::1] [::ffff:7f00:1] \
                    [64:ff9b::127.0.0.1] [2002:7f00:1::] 127.0.0.1.",
        ),
        (
            Private,
            "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 0xa000001 [fd00::1] [fc00::] [::ffff:10.0.0.1]",
        ),
        (LinkLocal, "169.254.169.254 [fe80::1] [febf::1]"),
        (NoHost, "0.0.0.0 0 224.0.0.1 255.255.255.255 240.0.0.1 [::] [ff02::1]"),
        (LocalName, "intranet printer.local a.internal router.home.arpa"),
    ] {
        for host in hosts.split_whitespace() {
            assert_eq!(
                Locator::parse(&format!("http://{host}/x")),
                Err(LocatorError::NotPublic(why)),
                "{host}"
            );
        }
    }
    for host in [
        "203.0.113.7",
        "172.32.0.1",
        "100.128.0.1",
        "[2001:db8::1]",
        "a.onion",
        "local.example",
        "notlocalhost.example",
    ] {
        assert!(Locator::parse(&format!("http://{host}/")).is_ok(), "{host}");
    }
}

#[test]
fn keys_are_written_as_the_specification_says() {
    let rules = builtin();
    let keys = locator("hxxps://www[.]video-a[.]test/watch?t=19s&v=9wAc6GMbymA#c").keys(rules);
    assert_eq!(
        keys.platform.as_ref().map(ToString::to_string).as_deref(),
        Some("platform:video-a:video:9wAc6GMbymA")
    );
    assert_eq!(keys.exact.to_string(), "exact:https://www.video-a.test/watch?t=19s&v=9wAc6GMbymA");
    assert_eq!(keys.loose.to_string(), "loose:video-a.test/watch?t=19s&v=9wAc6GMbymA");
    assert!(matches!(keys.identity(), ContentKey::Platform(_)));
    assert!(matches!(locator("https://host.example/").keys(rules).identity(), ContentKey::Exact(_)));
}

#[test]
fn a_platform_is_known_by_its_host_even_where_no_rule_knows_the_object() {
    let rules = builtin();
    for (text, platform) in [
        ("https://video-a.test/", Some("video-a")),
        ("https://cdn.vid-a.test:8443/x", Some("video-a")),
        ("https://etr.blogs-g.test/", Some("blogs-g")),
        ("https://notvideo-a.test/", None),
        ("https://video-a.test.example/", None),
        ("http://203.0.113.7/", None),
    ] {
        assert_eq!(locator(text).recipient_hint(rules), platform, "{text}");
    }
}

#[test]
fn other_pages_of_a_platform_follow_its_facts_and_keep_everything_else() {
    let rules = builtin();
    let key = |text: &str| locator(text).keys(rules).platform.map(|key| key.to_string());
    let page = key("https://video-a.test/channel/Abc?b=1&a=2");
    assert_eq!(page.as_deref(), Some("platform:video-a:page:video-a.test/channel/Abc?b=1&a=2"));
    for same in [
        "http://www.video-a.test:80/channel/%41bc?b=1&a=2#x",
        "https://video-a.test./channel/Abc?b=1&fbclid=f&a=2",
    ] {
        assert_eq!(key(same), page, "{same}");
    }
    for apart in [
        "https://video-a.test/channel/abc?b=1&a=2",
        "https://video-a.test/channel/Abc?a=2&b=1",
        "https://video-a.test/channel/Abc/?b=1&a=2",
        "https://m.video-a.test/channel/Abc?b=1&a=2",
        "https://vid-a.test/channel/Abc?b=1&a=2",
    ] {
        assert_ne!(key(apart), page, "{apart}");
    }
    assert_eq!(key("https://video-a.test:8443/channel/Abc"), None);
}

#[test]
fn fragments_count_on_hosts_that_route_by_them() {
    let text = include_str!("../../../../config/locators.toml")
        .replace("fragment_routed = []", "fragment_routed = [\"routed.example\"]");
    let rules = LocatorRules::from_toml(&text).expect("rules");
    assert_eq!(exact("https://routed.example/#!a%2f%7e", &rules), "https://routed.example/#!a%2F~");
    assert_eq!(exact("https://other.example/#!a", &rules), "https://other.example/");
    assert_ne!(loose("https://routed.example/#a", &rules), loose("https://routed.example/#b", &rules));
}

#[test]
fn the_loose_key_leaves_out_what_usually_makes_no_difference() {
    let rules = builtin();
    let plain = loose("https://host.example/a/b?x=1&y=2", rules);
    assert_eq!(plain, "loose:host.example/a/b?x=1&y=2");
    for near in [
        "http://www.host.example/a/b/?y=2&x=1",
        "https://host.example/a/b;jsessionid=F00?x=1&PHPSESSID=abc&y=2#z",
        "https://host.example/a/b?x=1&y=2&utm_source=s",
    ] {
        assert_eq!(loose(near, rules), plain, "{near}");
    }
    for apart in [
        "https://host.example/a/B?x=1&y=2",
        "https://host.example:81/a/b?x=1&y=2",
        "https://host.example/a/b?x=1",
    ] {
        assert_ne!(loose(apart, rules), plain, "{apart}");
    }
    assert_eq!(loose("https://host.example/", rules), "loose:host.example");
}

#[test]
fn the_explanation_names_each_step_that_changed_something() {
    let rules = builtin();
    let steps = locator("https://u:p@www.VIDEO-A.test.:443/embed/9wAc6GMbym%41?gclid=x#y").explain(rules);
    let told: Vec<String> = steps.iter().map(|step| format!("{}: {}", step.what, step.after)).collect();
    assert_eq!(
        told,
        [
            "read as a web address (WHATWG): https://u:p@www.video-a.test./embed/9wAc6GMbym%41?gclid=x#y",
            "user name and password are kept out of keys: https://www.video-a.test./embed/9wAc6GMbym%41?gclid=x#y",
            "one trailing dot of the host is dropped: https://www.video-a.test/embed/9wAc6GMbym%41?gclid=x#y",
            "percent-encoding: unreserved characters are decoded, hexadecimal digits upper-case, ^ encoded: \
         https://www.video-a.test/embed/9wAc6GMbymA?gclid=x#y",
            "the fragment is dropped, unless the host selects content by it: https://www.video-a.test/embed/9wAc6GMbymA?gclid=x",
            "tracking parameters are removed: https://www.video-a.test/embed/9wAc6GMbymA",
            "exact key: exact:https://www.video-a.test/embed/9wAc6GMbymA",
            "recipient, by host: video-a",
            "platform key, by rule video-a/video /embed/{id}: platform:video-a:video:9wAc6GMbymA",
            "loose key, which only suggests: loose:video-a.test/embed/9wAc6GMbymA",
        ]
    );
    for pair in steps.windows(2).take(5) {
        assert_eq!(pair[0].after, pair[1].before);
    }
    let unknown = locator("https://host.example/").explain(rules);
    assert!(unknown.iter().any(|step| step.what == "platform key: no rule knows this address"));
}

/// Addresses of the sample platforms and of others, in every spelling that comes to mind.
fn addresses() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        "(www\\.|m\\.)?(video-a|social-b|messenger-c|files-d|paste-e|archive-f|forum-h|vid-a|sb|mc)\\.test\\.?",
        "(www\\.)?[a-c]\\.blogs-g\\.test",
        "(WWW\\.)?[a-zA-Zé]{1,5}\\.(example|TEST)\\.?",
        Just("203.0.113.7".to_owned()),
        Just("[2001:DB8::1]".to_owned()),
    ];
    let path = prop_oneof![
        "(/[a-zA-Z0-9%^é.;:@~ \"|-]{0,6}){0,4}",
        "/(watch|embed/[a-zA-Z0-9]{11}|[A-Za-z_]{2,4}/(status/)?[0-9]{1,3}|s/[A-Za-z]{2,3}/[1-9]|d/[a-z]{3}/x|download/a/[a-z%2E]{1,5}|showthread\\.php|20[0-9]{2}/[a-z]{2})",
    ];
    let query = "(\\?((v=[a-zA-Z0-9]{11}|t=[1-9]|page=[1-9]|utm_source=[a-z]|fbclid=x|single|[a-c]=[a-z%^'é+]{0,5}|[a-c]|)&){0,4})?";
    ("(https?|HTTPS?)", "(u(:p)?@)?", host, "(:80|:443|:8080)?", path, query, "(#[a-z%!^]{0,4})?").prop_map(
        |(scheme, user, host, port, path, query, fragment)| {
            format!("{scheme}://{user}{host}{port}{path}{query}{fragment}")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_canonical_of_the_canonical_is_itself(text in addresses()) {
        let rules = builtin();
        if let Ok(address) = Locator::parse(&text) {
            let keys = address.keys(rules);
            let again = locator(keys.exact.as_str()).keys(rules);
            prop_assert_eq!(&again, &keys);
            // What is shown to people leads back to the same place.
            prop_assert_eq!(locator(&address.defanged()), address);
        }
    }

    #[test]
    fn spellings_that_mean_nothing_merge(text in addresses(), escape in any::<prop::sample::Index>()) {
        let rules = builtin();
        let Ok(address) = Locator::parse(&text) else { return Ok(()) };
        let keys = address.keys(rules);
        let (head, _) = text.split_once('#').unwrap_or((&text, ""));
        let glue = if head.contains('?') { "&" } else { "?" };
        // A blank at the end is cut off unless something follows.
        prop_assume!(!head.ends_with(' '));
        // An address ending in '?' or '&' has an empty last parameter, which the exact key keeps.
        if !head.ends_with(['?', '&']) {
            let tracked = locator(&format!("{head}{glue}utm_medium=m#other"));
            prop_assert_eq!(&tracked.keys(rules), &keys);
        }
        // Letters behind the host that are no part of an escape, valid or not.
        let path_at = head.match_indices('/').nth(2).map_or(head.len(), |(at, _)| at);
        let in_escape = |at: usize| head[..at].ends_with('%') || head[..at - 1].ends_with('%');
        let letters = head.match_indices(|c: char| c.is_ascii_alphanumeric()).map(|(at, _)| at);
        let letters: Vec<usize> = letters.filter(|at| *at > path_at + 1 && head.is_char_boundary(at - 1) && !in_escape(*at)).collect();
        if !letters.is_empty() {
            let at = letters[escape.index(letters.len())];
            let escaped = format!("{}%{:02x}{}", &head[..at], head.as_bytes()[at], &head[at + 1..]);
            prop_assert_eq!(&locator(&escaped).keys(rules).exact, &keys.exact);
        }
    }

    #[test]
    fn unknown_parameters_are_never_dropped(text in addresses(), name in "[a-zA-Z_]{1,8}", value in "[a-z0-9]{0,4}") {
        let rules = builtin();
        let (head, _) = text.split_once('#').unwrap_or((&text, ""));
        let known = ["feature", "t", "si", "s", "single", "v", "page"];
        prop_assume!(!rules.is_tracking(&name) && !known.contains(&name.as_str()));
        let glue = if head.contains('?') { "&" } else { "?" };
        if let (Ok(bare), Ok(more)) = (Locator::parse(head), Locator::parse(&format!("{head}{glue}{name}={value}"))) {
            let (bare, more) = (bare.keys(rules), more.keys(rules));
            prop_assert_ne!(&bare.exact, &more.exact);
            prop_assert_ne!(bare.identity(), more.identity());
        }
    }

    #[test]
    fn equal_exact_keys_have_equal_platform_keys(a in addresses(), b in addresses()) {
        let rules = builtin();
        if let (Ok(a), Ok(b)) = (Locator::parse(&a), Locator::parse(&b)) {
            let (a, b) = (a.keys(rules), b.keys(rules));
            prop_assert!(a.exact != b.exact || a == b);
        }
    }

    #[test]
    fn nothing_panics(text in "(https?://)?\\PC{0,40}") {
        if let Ok(address) = Locator::parse(&text) {
            let _ = (address.explain(builtin()), address.host_unicode());
        }
    }
}
