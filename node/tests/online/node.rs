// SPDX-License-Identifier: EUPL-1.2
//! A node in a temporary folder, started and stopped as an operator would.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest wait for anything; reached only when something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// A data folder with keys and a roster of one member, and tokens once a node ran.
pub(crate) struct Site {
    dir: tempfile::TempDir,
}

/// What a command wrote and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A running node.
pub(crate) struct Running {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
    pub(crate) url: String,
}

/// The program under test, deaf to the environment of whoever runs the tests.
pub(crate) fn concert() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_concert"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CONCERT") {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

pub(crate) fn said(output: Output) -> Said {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

impl Said {
    /// What was written, after all went well.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// The JSON written, after all went well.
    pub(crate) fn json(self) -> Value {
        let out = self.ok();
        serde_json::from_str(&out).expect("one JSON document")
    }

    /// Checks how it failed: with which status, and that these words were said.
    pub(crate) fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "{word:?} is missing in: {}", self.err);
        }
    }
}

impl Site {
    /// A folder with keys and without a roster.
    pub(crate) fn without_roster() -> Self {
        let site = Self { dir: tempfile::tempdir().expect("a folder") };
        site.offline(&["init", "--member", "EU", "--federation", "concert.test"]).ok();
        site
    }

    /// The same with a roster in force that ends after `expires`.
    pub(crate) fn ending(expires: &str) -> Self {
        let site = Self::without_roster();
        let (key, roster) = (site.text("root.key"), site.text("roster.json"));
        site.offline(&["key", "generate", &key]).ok();
        let card = site.text("data/concert-member.json");
        let create =
            ["roster", "create", "--federation", "concert.test", "--members", &card, "--coordinators", "EU"];
        let sign = ["--root-key", &key, "--threshold", "1", "--expires", expires, "--out", &roster];
        site.offline(&[create.as_slice(), &sign].concat()).ok();
        site.offline(&["roster", "apply", &roster, "--yes"]).ok();
        site
    }

    /// A federation of one.
    pub(crate) fn new() -> Self {
        Self::ending("365d")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Runs a command on the folder, with no node to speak to.
    pub(crate) fn offline(&self, args: &[&str]) -> Said {
        self.offline_on("data", args)
    }

    /// The same on another data folder.
    pub(crate) fn offline_on(&self, data: &str, args: &[&str]) -> Said {
        said(concert().args(["--data", &self.text(data)]).args(args).output().expect("runs"))
    }

    /// How a node is started here.
    pub(crate) fn run_command(&self, data: &str) -> Command {
        let mut command = concert();
        command.args(["--data", &self.text(data), "run"]);
        command.args(["--set", "http.listen=127.0.0.1:0", "--set", "peer.listen=/ip4/127.0.0.1/tcp/0"]);
        command.args(["--set", "node.log_format=json", "--set", "store.reserve_mib=1"]);
        command
    }

    /// Starts a node and waits until it is ready.
    pub(crate) fn start(&self) -> Running {
        self.start_on("data")
    }

    pub(crate) fn start_on(&self, data: &str) -> Running {
        let running = Running::spawn(self.run_command(data));
        running.until_ready();
        running
    }

    /// Tries to start a node that is not going to.
    pub(crate) fn refused(&self, more: &[&str]) -> Said {
        said(self.run_command("data").args(more).output().expect("runs"))
    }

    /// Issues a token of this role, once, and says where it is.
    pub(crate) fn token(&self, node: &Running, role: &str) -> String {
        let file = self.text(&format!("{}.token", role.replace(':', "-")));
        if !Path::new(&file).exists() {
            let mut args = vec!["token", "issue", "--out", &file, "--role"];
            match role.split_once(':') {
                Some((role, recipient)) => args.extend([role, "--recipient", recipient]),
                None => args.push(role),
            }
            node.said(&self.text("data/keys/admin.token"), &args).ok();
        }
        file
    }

    /// Runs a command as somebody with this role.
    pub(crate) fn as_role(&self, node: &Running, role: &str, args: &[&str]) -> Said {
        node.said(&self.token(node, role), args)
    }
}

impl Running {
    /// Starts the process and waits until it names its addresses.
    fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts");
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let log = Arc::new(Mutex::new(Vec::new()));
        let (sender, ready) = std::sync::mpsc::channel();
        let lines = log.clone();
        let reader = std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let event: Value = serde_json::from_str(&line).unwrap_or_default();
                if event["fields"]["message"] == "the node is ready" {
                    let url = event["fields"]["http"].as_str().unwrap_or_default().to_owned();
                    let _ = sender.send(url);
                }
                lines.lock().expect("unpoisoned").push(line);
            }
        });
        let Ok(url) = ready.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            let log = log.lock().expect("unpoisoned").join("\n");
            unreachable!("the node did not start: {log}");
        };
        Self { child, log, reader: Some(reader), url }
    }

    /// Everything logged so far.
    pub(crate) fn logged(&self) -> String {
        self.log.lock().expect("unpoisoned").join("\n")
    }

    /// Waits for `/readyz`.
    fn until_ready(&self) {
        until("the node to be ready", || {
            let address = self.url.strip_prefix("http://").expect("plain HTTP");
            let Ok(mut stream) = std::net::TcpStream::connect(address) else { return false };
            let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
            let mut line = String::new();
            stream.write_all(request.as_bytes()).is_ok()
                && BufReader::new(stream).read_line(&mut line).is_ok()
                && line.contains(" 200 ")
        });
    }

    /// Runs a command against the node with the token in this file.
    pub(crate) fn said(&self, token: &str, args: &[&str]) -> Said {
        said(concert().args(["--url", &self.url, "--token-file", token]).args(args).output().expect("runs"))
    }

    /// The same with a text on stdin.
    pub(crate) fn said_to(&self, token: &str, args: &[&str], stdin: &str) -> Said {
        let mut command = concert();
        command.args(["--url", &self.url, "--token-file", token]).args(args);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        child.stdin.take().expect("piped").write_all(stdin.as_bytes()).expect("read");
        said(child.wait_with_output().expect("ends"))
    }

    /// Sends a signal and gives back the exit status.
    pub(crate) fn stop(mut self, signal: &str) -> i32 {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().expect("kill runs").success());
        let mut status = None;
        until("the node to end", || {
            status = self.child.try_wait().expect("a child");
            status.is_some()
        });
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        status.and_then(|status| status.code()).unwrap_or(-1)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again until it is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A file of the project.
pub(crate) fn project(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path).display().to_string()
}
