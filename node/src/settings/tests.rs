// SPDX-License-Identifier: EUPL-1.2
//! Layers, origins and complaints, on real files.

use std::fs;

use super::*;

struct Place {
    folder: tempfile::TempDir,
    sources: Sources,
}

impl Place {
    /// A folder with `config.toml` holding `text`, and nothing in the environment.
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.toml");
        fs::write(&file, text).expect("written");
        Self { folder, sources: Sources { config: Some(file), ..Sources::default() } }
    }

    fn drop_in(self, name: &str, text: &str) -> Self {
        let folder = self.folder.path().join("conf.d");
        fs::create_dir_all(&folder).expect("created");
        fs::write(folder.join(name), text).expect("written");
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.push((name.into(), value.into()));
        self
    }

    fn set(mut self, assignment: &str) -> Self {
        self.sources.set.push(assignment.into());
        self
    }

    fn load(&self) -> Loaded {
        load(&self.sources).expect("good settings")
    }

    /// The complaints, with the folder's name taken out.
    fn complaints(&self) -> Vec<String> {
        let SettingsError(complaints) = load(&self.sources).expect_err("bad settings");
        let folder = format!("{}/", self.folder.path().display());
        complaints.iter().map(|complaint| complaint.to_string().replace(&folder, "")).collect()
    }
}

#[test]
fn without_any_layer_the_defaults_hold() {
    let loaded = Place::new("").load();
    assert_eq!(loaded.raw, RawSettings::default());
    assert_eq!(loaded.settings.http.listen.to_string(), "127.0.0.1:8440");
    assert_eq!(loaded.settings.node.member, None);
    assert_eq!(loaded.settings.store.cache_bytes, 64 << 20);
    assert_eq!(loaded.origin("http.listen"), Origin::Default);
    assert_eq!(loaded.values().len(), KEYS.len());
}

#[test]
fn each_layer_covers_the_ones_before_it() {
    let file = "[sync]\nsummary_interval_s = 1\n[store]\ncache_mib = 8\n[http]\nbody_max_kib = 100\n";
    let place = Place::new(file)
        .drop_in("20.toml", "[sync]\nsummary_interval_s = 3\n")
        .drop_in("10.toml", "[sync]\nsummary_interval_s = 2\n[import]\nbatch = 7\n")
        .drop_in("30.toml.off", "[sync]\nsummary_interval_s = 9\n");
    assert_eq!(place.load().raw.sync.summary_interval_s, 3, "drop-ins in order of name");
    let place =
        place.variable("CONCERT__SYNC__SUMMARY_INTERVAL_S", "4").variable("CONCERT__STORE__CACHE_MIB", "16");
    assert_eq!(place.load().raw.sync.summary_interval_s, 4);
    let place = place.set("sync.summary_interval_s=5");
    let loaded = place.load();
    assert_eq!(loaded.raw.sync.summary_interval_s, 5);
    assert_eq!(
        (loaded.raw.store.cache_mib, loaded.raw.http.body_max_kib, loaded.raw.import.batch),
        (16, 100, 7),
        "a layer touches only what it names"
    );
    let trail: Vec<String> = [loaded.origin("sync.summary_interval_s")]
        .into_iter()
        .chain(loaded.covered("sync.summary_interval_s"))
        .map(|origin| origin.to_string().replace(&format!("{}/", place.folder.path().display()), ""))
        .collect();
    assert_eq!(
        trail,
        [
            "--set",
            "CONCERT__SYNC__SUMMARY_INTERVAL_S",
            "conf.d/20.toml:2",
            "conf.d/10.toml:2",
            "config.toml:2"
        ]
    );
    assert_eq!(loaded.origin("store.cache_mib").to_string(), "CONCERT__STORE__CACHE_MIB");
}

#[test]
fn the_data_flag_finds_the_file_in_the_folder_and_wins_over_it() {
    let place = Place::new("[node]\nmember = \"FR\"\ndata = \"elsewhere\"\n");
    let data = place.folder.path().to_owned();
    let loaded = load(&Sources { data: Some(data.clone()), ..Sources::default() }).expect("good settings");
    assert_eq!(loaded.settings.node.member.as_ref().map(|member| member.as_str()), Some("FR"));
    assert_eq!(loaded.settings.node.data, data);
    assert_eq!(loaded.origin("node.data"), Origin::Flag("--data"));
    assert_eq!(loaded.covered("node.data").len(), 1);
}

#[test]
fn a_file_that_was_named_must_exist() {
    let mut place = Place::new("");
    place.sources.config = Some(place.folder.path().join("none.toml"));
    let complaints = place.complaints();
    assert!(complaints[0].starts_with("none.toml:1: cannot be read:"), "{complaints:?}");
}

#[test]
fn unknown_keys_are_named_with_place_and_nearest_name() {
    let place =
        Place::new("[http]\n\nlisten_on = \"127.0.0.1:1\"\n[htpp]\nlisten = \"127.0.0.1:1\"\n[quotas]\n")
            .drop_in("a.toml", "batch = 7\n")
            .variable("CONCERT__STORE__CACHE_MB", "8")
            .variable("CONCERT__LISTEN", "x")
            .variable("CONCERTINA", "ignored")
            .set("sync.step_in_after_s=20")
            .set("zzz.qqq=1");
    let mut complaints = place.complaints();
    complaints.sort();
    assert_eq!(
        complaints,
        [
            "--set: unknown key \"sync.step_in_after_s\"; did you mean \"consolidation.step_in_after_s\"?",
            "--set: unknown key \"zzz.qqq\"",
            "CONCERT__LISTEN: unknown key \"listen\"; did you mean \"http.listen\"?",
            "CONCERT__STORE__CACHE_MB: unknown key \"store.cache_mb\"; did you mean \"store.cache_mib\"?",
            "conf.d/a.toml:1: unknown key \"batch\"; did you mean \"import.batch\"?",
            "config.toml:3: unknown key \"http.listen_on\"; did you mean \"http.listen\"?",
            "config.toml:5: unknown key \"htpp.listen\"; did you mean \"http.listen\"?",
            "config.toml:6: unknown key \"quotas\"",
        ]
        .map(str::to_owned)
    );
}

#[test]
fn values_of_the_wrong_kind_or_out_of_bounds_are_named() {
    let file = "[http]\nlisten = 8440\nrequest_timeout_s = 0\nbody_max_kib = \"100\"\n[store]\ncache_mib = true\n\
                [node]\nlog_format = \"xml\"\n[peer]\nlisten = \"/ip4/127.0.0.1/tcp/1\"\n[sync]\nsummary_interval_s = -1\n";
    let mut complaints = Place::new(file).set("import.batch=many").set("nonsense").complaints();
    complaints.sort();
    assert_eq!(
        complaints,
        [
            "--set: \"nonsense\" is not of the form section.key=value",
            "--set: import.batch is \"many\"; expected a whole number from 1 to 1000",
            "config.toml:10: peer.listen is \"/ip4/127.0.0.1/tcp/1\"; expected a list of at most 8 texts",
            "config.toml:12: sync.summary_interval_s is -1; expected a whole number from 1 to 3600",
            "config.toml:2: http.listen is 8440; expected a text",
            "config.toml:3: http.request_timeout_s is 0; expected a whole number from 1 to 600",
            "config.toml:4: http.body_max_kib is \"100\"; expected a whole number from 64 to 65536",
            "config.toml:6: store.cache_mib is true; expected a whole number from 8 to 65536",
            "config.toml:8: node.log_format is \"xml\"; expected one of auto, text, json",
        ]
        .map(str::to_owned)
    );
}

#[test]
fn values_without_meaning_are_named() {
    let place = Place::new("[node]\nmember = \"france\"\n[http]\nlisten = \"localhost\"\n")
        .variable("CONCERT__PEER__EXTERNAL", "/ip4/192.0.2.1/tcp/4400, /ip4/192.0.2.1/udp/4400/quic-v1")
        .set("http.public_url=ftp://concert.example");
    let complaints = place.complaints().join("\n");
    for part in [
        "config.toml:2: node.member is \"france\"; expected a member code",
        "config.toml:4: http.listen is \"localhost\"; expected an IP address and a port",
        "CONCERT__PEER__EXTERNAL: peer.external is \"/ip4/192.0.2.1/udp/4400/quic-v1\"; expected a TCP",
        "--set: http.public_url is \"ftp://concert.example\"; expected an http or https address",
    ] {
        assert!(complaints.contains(part), "{part}\n{complaints}");
    }
}

#[test]
fn lists_come_from_arrays_and_from_commas() {
    let place = Place::new("[peer]\nlisten = [\"/ip4/127.0.0.1/tcp/1\", \"/ip6/::1/tcp/2\"]\n")
        .variable("CONCERT__PEER__EXTERNAL", "/dns4/fr.example/tcp/4400,/ip4/192.0.2.1/tcp/4400");
    let settings = place.load().settings;
    assert_eq!((settings.peer.listen.len(), settings.peer.external.len()), (2, 2));
    let none = place.set("peer.listen=").load().settings;
    assert!(none.peer.listen.is_empty(), "a node that only dials");
}

#[test]
fn paths_in_a_file_are_relative_to_it() {
    let place = Place::new("[node]\ndata = \"data\"\n[consolidation]\nrules = \"/srv/rules.toml\"\n");
    let settings = place.load().settings;
    assert_eq!(settings.node.data, place.folder.path().join("data"));
    assert_eq!(settings.consolidation.rules.as_deref(), Some(Path::new("/srv/rules.toml")));
    let flag = place.set("node.data=run/fr").load().settings;
    assert_eq!(flag.node.data, Path::new("run/fr"));
}

#[test]
fn a_file_that_is_not_toml_is_named_with_its_line() {
    let complaints = Place::new("[http]\nlisten = \n").complaints();
    assert!(complaints[0].starts_with("config.toml:2: "), "{complaints:?}");
    let twice = Place::new("[http]\nlisten = \"a\"\nlisten = \"b\"\n").complaints();
    assert!(twice[0].contains("duplicate"), "{twice:?}");
}

#[test]
fn what_is_reachable_from_outside_is_warned_of() {
    let place = Place::new("[node]\nmember = \"FR\"\n");
    assert_eq!(place.load().settings.warnings(), Vec::<String>::new());
    let open = place.set("http.listen=0.0.0.0:8440").load();
    assert!(open.settings.warnings()[0].contains("plain HTTP"));
}
