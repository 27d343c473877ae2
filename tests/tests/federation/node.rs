// SPDX-License-Identifier: EUPL-1.2
//! One node: its data folder, its ports, its process. Whatever happens to a test, the process ends with it.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use concert_node::journal::DataDir;
use concert_node::keys::NodeKeys;
use concert_protocol::member::{LogId, MemberId};
use serde_json::{Value, json};

use super::api::Api;
use super::program::{Ended, arg, binary, command};

/// Between two looks at a state.
pub(crate) const PAUSE: Duration = Duration::from_millis(25);
/// Until a node is ready, or has stopped.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Ports below the range from which systems take those of outgoing connections: one that is free stays free while its
/// node is down.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// A port of this machine that nobody listens on.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test programs that run beside each other begin at different places.
    let begin = (std::process::id() % 97) as u16 * 100;
    let span = PORTS.end - PORTS.start;
    (0..span)
        .map(|_| PORTS.start + (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % span)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

/// A node.
pub(crate) struct Node {
    /// Its member's code.
    pub(crate) code: String,
    /// Its data folder.
    pub(crate) data: DataDir,
    /// Its HTTP port.
    pub(crate) http: u16,
    /// Its peer port.
    pub(crate) peer: u16,
    /// What comes before the program: `faketime`, a shell with another file system.
    pub(crate) wrapper: Vec<String>,
    /// Variables of its environment.
    pub(crate) environment: Vec<(String, String)>,
    log: PathBuf,
    child: Option<Child>,
}

impl Node {
    /// Makes the folder and the keys of a new node, by `concert init`.
    pub(crate) fn init(root: &Path, code: &str, settings: &[&str]) -> Self {
        let data = root.join(code);
        let (http, peer) = (free_port(), free_port());
        let mut sets = vec![
            format!("http.listen=127.0.0.1:{http}"),
            format!("peer.listen=/ip4/127.0.0.1/tcp/{peer}"),
            "sync.summary_interval_s=1".into(),
            "sync.checkpoint_interval_s=10".into(),
            "store.cache_mib=16".into(),
            "store.reserve_mib=1".into(),
            "node.log_format=text".into(),
        ];
        sets.extend(settings.iter().map(|text| (*text).to_owned()));
        let mut args =
            vec!["-q", "init", "--member", code, "--federation", "concert.test", "--data", arg(&data)];
        args.extend(sets.iter().flat_map(|set| ["--set", set.as_str()]));
        super::program::run(&args).good();
        let log = root.join(format!("{code}.log"));
        Self {
            code: code.into(),
            data: DataDir::new(data),
            http,
            peer,
            wrapper: Vec::new(),
            environment: Vec::new(),
            log,
            child: None,
        }
    }

    /// Its member.
    pub(crate) fn member(&self) -> MemberId {
        self.code.parse().expect("a member code")
    }

    /// Its own log.
    pub(crate) fn own_log(&self) -> LogId {
        LogId { member: self.member(), generation: 1 }
    }

    /// Its secret keys.
    pub(crate) fn keys(&self) -> NodeKeys {
        NodeKeys::load(&self.data.keys()).expect("the keys of a node")
    }

    /// Starts the process.
    pub(crate) fn start(&mut self) {
        assert!(self.child.is_none(), "{} runs already", self.code);
        let log = File::options().create(true).append(true).open(&self.log).expect("a log file");
        let mut command = match self.wrapper.split_first() {
            None => Command::new(binary()),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(binary());
                command
            }
        };
        command.args(["run", "--data", arg(self.data.root())]).stdin(Stdio::null()).stdout(Stdio::null());
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs(self.environment.iter().cloned()).stderr(log);
        self.child = Some(command.spawn().expect("the program starts"));
    }

    /// Starts it and waits until it is ready.
    pub(crate) fn start_ready(&mut self) {
        self.start();
        self.ready();
    }

    /// Waits until `/readyz` says so.
    pub(crate) fn ready(&mut self) {
        let api = self.stranger();
        let begin = Instant::now();
        while api.try_get("/readyz").is_none_or(|reply| reply.status != 200) {
            if let Some(status) = self.ended() {
                panic!("{} ended with {status}:\n{}", self.code, self.log_tail());
            }
            assert!(begin.elapsed() < PATIENCE, "{} is not ready:\n{}", self.code, self.log_tail());
            std::thread::sleep(PAUSE);
        }
    }

    /// The status of a process that ended by itself.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let status = self.child.as_mut()?.try_wait().expect("a child can be waited for")?;
        self.child = None;
        Some(status.code().unwrap_or(-1))
    }

    /// Whether the process was started and not yet seen to end.
    pub(crate) fn runs(&self) -> bool {
        self.child.is_some()
    }

    /// The process.
    pub(crate) fn process(&self) -> u32 {
        self.child.as_ref().expect("a running node").id()
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a child can be killed");
            child.wait().expect("and waited for");
        }
    }

    /// Ends it in order, by SIGTERM.
    pub(crate) fn stop(&mut self) {
        let status = self.terminate();
        assert_eq!(status, 0, "{} did not stop in order:\n{}", self.code, self.log_tail());
    }

    /// Sends SIGTERM and gives the status.
    pub(crate) fn terminate(&mut self) -> i32 {
        let id = self.process().to_string();
        Command::new("kill").args(["-TERM", &id]).status().expect("kill is there");
        let begin = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(begin.elapsed() < PATIENCE, "{} does not stop:\n{}", self.code, self.log_tail());
            std::thread::sleep(PAUSE);
        }
    }

    /// What it logged.
    pub(crate) fn log_text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The end of what it logged, for people who read a failed test.
    pub(crate) fn log_tail(&self) -> String {
        let text = self.log_text();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    }

    /// Where its HTTP door is.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    /// Somebody without a token.
    pub(crate) fn stranger(&self) -> Api {
        Api::new(&self.url(), None)
    }

    /// The file with the first administrator's token.
    pub(crate) fn admin_token(&self) -> PathBuf {
        self.data.keys().join("admin.token")
    }

    /// The first administrator.
    pub(crate) fn admin(&self) -> Api {
        let token = fs::read_to_string(self.admin_token()).expect("the first start made a token");
        Api::new(&self.url(), Some(&token))
    }

    /// The secret of a new token.
    pub(crate) fn token(&self, role: &str) -> String {
        let request = json!({"name": format!("{role} in a test"), "role": role});
        let issued = self.admin().post("/api/v1/tokens", None, &request).good();
        issued["secret"].as_str().expect("a secret").to_owned()
    }

    /// A caller with a new token.
    pub(crate) fn caller(&self, role: &str) -> Api {
        Api::new(&self.url(), Some(&self.token(role)))
    }

    /// A command that speaks to this node with its administrator's token.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        let token = self.admin_token();
        let url = self.url();
        let mut all = vec!["--url", &url, "--token-file", arg(&token)];
        all.extend(args);
        Ended::of(command(all).output().expect("the program starts"))
    }

    /// A command that works on this node's data folder.
    pub(crate) fn offline(&self, args: &[&str]) -> Ended {
        let mut all = vec!["--data", arg(self.data.root())];
        all.extend(args);
        Ended::of(command(all).output().expect("the program starts"))
    }

    /// How it stands.
    pub(crate) fn status(&self) -> Value {
        self.admin().get("/api/v1/status").good()
    }

    /// The digest of its derived state.
    pub(crate) fn digest(&self) -> String {
        let status = self.admin().get("/api/v1/status?digest=true").good();
        status["node"]["state_digest"].as_str().expect("a digest").to_owned()
    }

    /// How one log stands here, while the node can be reached.
    pub(crate) fn log_state(&self, log: &str) -> Option<Value> {
        let page = self.admin().try_get("/api/v1/log").filter(|reply| reply.status == 200)?.body;
        page["items"].as_array()?.iter().find(|state| state["log"] == log).cloned()
    }

    /// Codes of the alarms since the start.
    pub(crate) fn alarms(&self) -> Vec<String> {
        let alarms = self.admin().list("/api/v1/alarms");
        alarms.iter().filter_map(|alarm| Some(alarm["code"].as_str()?.to_owned())).collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() && self.log.exists() {
            eprintln!("--- the log of {} ends:\n{}", self.code, self.log_tail());
        }
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
