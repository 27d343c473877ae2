// SPDX-License-Identifier: EUPL-1.2
//! `concert run`: the node itself, until it is told to stop.
//!
//! Everything that keeps a node from starting is said in one sentence with what to do. On SIGTERM or Ctrl-C the HTTP door
//! closes first, requests under way are finished, then the engine finishes what it began and the process ends with 0.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use clap::Args;
use concert_protocol::content::{LocatorRules, RULES_LEN_MAX};
use concert_protocol::sync::ReplicaConfig;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Context, failures, files, start_logging};
use crate::access::Access;
use crate::api::{self, ApiContext, ApiSettings};
use crate::engine::{Running, StartError, StartOptions, now, start};
use crate::journal::DataDir;
use crate::net::Network;
use crate::output::{Exit, Failure};
use crate::settings::Settings;

/// How long requests under way may take after the door was closed.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// How long the system may take to name the ports.
const PORTS_WAIT: Duration = Duration::from_secs(5);
const PORTS_PAUSE: Duration = Duration::from_millis(5);
/// Name of the folder for backups that are asked for by name.
const BACKUPS_FOLDER: &str = "backups";

/// Run the node, until it is told to stop
///
/// Reads the settings, takes the data folder, and serves people and platforms over HTTP and the other members' nodes over the
/// peer port. Ctrl-C or SIGTERM ends it in order. On a first start it makes an administrator's token, keys/admin.token in
/// the data folder.
#[derive(Debug, Args)]
pub(super) struct Run {}

/// Runs the node.
pub(super) fn run(context: &Context, _: &Run) -> Result<(), Failure> {
    let loaded = context.settings()?;
    // A second start of the log cannot happen in one process.
    let _ = start_logging(&loaded.settings.node, context.global.verbose);
    for warning in loaded.settings.warnings() {
        tracing::warn!("{warning}");
    }
    context.block_on_daemon(serve(loaded.settings))
}

async fn serve(settings: Settings) -> Result<(), Failure> {
    let mut interrupts = Interrupts::new()?;
    let running = start(options(&settings)?).map_err(|error| not_started(error, &settings))?;
    let stopped = match open_door(&settings, &running).await {
        Ok(door) => {
            say_ready(&settings, &running, &door).await;
            door.serve(&running, &mut interrupts).await
        }
        Err(failure) => Err(failure),
    };
    let ended_itself = running.stopping.is_cancelled();
    let engine = running.stop().await;
    stopped?;
    match engine {
        Ok(()) if !ended_itself => {
            tracing::info!("stopped");
            Ok(())
        }
        Ok(()) => Err(Failure::new(Exit::Failed, "the node stopped by itself").hint("its log says why")),
        Err(reason) => Err(Failure::new(Exit::Failed, "the node stopped")
            .cause(reason)
            .hint("what was acknowledged is durable; mend the cause and start the node again")),
    }
}

fn options(settings: &Settings) -> Result<StartOptions, Failure> {
    let member = settings.node.member.clone().ok_or_else(|| {
        Failure::new(Exit::Usage, "node.member is not set, so it is not known whose node this is")
            .hint("concert init writes it into config.toml in the data folder; run with --data DIR")
    })?;
    Ok(StartOptions {
        data: settings.node.data.clone(),
        member,
        listen: settings.peer.listen.clone(),
        rules: Arc::new(rules(settings)?),
        cache_bytes: settings.store.cache_bytes,
        reserve_bytes: settings.store.reserve_bytes,
        replica: ReplicaConfig {
            summary_interval: settings.sync.summary_interval,
            checkpoint_interval: settings.sync.checkpoint_interval,
            own_head_wait: settings.sync.own_head_wait,
            ..ReplicaConfig::default()
        },
        step_in_after: settings.consolidation.step_in_after,
        answer_window: settings.consolidation.answer_window,
    })
}

/// The locator rules in force; two members must join alike, so a node does not start with a file it cannot read.
fn rules(settings: &Settings) -> Result<LocatorRules, Failure> {
    let Some(path) = &settings.consolidation.rules else { return Ok(LocatorRules::builtin()) };
    let refused = |what: String| {
        Failure::new(Exit::Failed, format!("the locator rules in {} cannot be used", path.display()))
            .cause(what)
            .hint("mend the file, or leave consolidation.rules empty for the rules of this version")
    };
    let bytes = files::read_bounded(path, RULES_LEN_MAX as u64)?;
    let text = String::from_utf8(bytes).map_err(|_| refused("it is not UTF-8".into()))?;
    LocatorRules::from_toml(&text).map_err(|error| refused(super::log::sources(&error)))
}

/// The HTTP door, open but not yet served.
struct Door {
    access: Access,
    listener: TcpListener,
    router: Router,
    closing: CancellationToken,
    url: String,
}

async fn open_door(settings: &Settings, running: &Running) -> Result<Door, Failure> {
    let (access, report) = Access::load(running.engine.clone(), &running.private);
    if report.unreadable > 0 {
        let message =
            format!("{} records of access control cannot be read by this version", report.unreadable);
        running.engine.shared().alarms.raise(now(), "private_unreadable", message);
    }
    let data = DataDir::new(&settings.node.data);
    let made = access.first_administrator(&data.keys(), now()).await.map_err(|error| {
        Failure::new(Exit::Failed, "the first administrator's token could not be made").because(error)
    })?;
    if let Some(path) = made {
        tracing::info!(path = %path.display(), "first start: the administrator's token is in this file");
    }
    let listener = TcpListener::bind(settings.http.listen).await.map_err(|error| {
        Failure::new(Exit::Failed, format!("the HTTP port {} cannot be opened", settings.http.listen))
            .because(error)
            .hint("another program may use it; choose another with http.listen, port 0 takes a free one")
    })?;
    let address =
        listener.local_addr().map_err(|error| Failure::new(Exit::Failed, "no HTTP port").because(error))?;
    let url = settings.http.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let bounds = ApiSettings {
        request_timeout: settings.http.request_timeout,
        body_len_max: settings.http.body_len_max,
        backups: Some(settings.node.data.join(BACKUPS_FOLDER)),
        ..ApiSettings::default()
    };
    // Ends with the engine, and before it when the node is told to stop.
    let closing = running.stopping.child_token();
    let router =
        api::router(ApiContext::new(running.engine.clone(), access.clone(), bounds, closing.clone()));
    Ok(Door { access, listener, router, closing, url })
}

impl Door {
    /// Serves until told to stop, then finishes what is under way.
    async fn serve(self, running: &Running, interrupts: &mut Interrupts) -> Result<(), Failure> {
        let closing = self.closing.clone();
        let server = axum::serve(self.listener, self.router)
            .with_graceful_shutdown(async move { closing.cancelled().await });
        let mut server = tokio::spawn(server.into_future());
        tokio::select! {
            signal = interrupts.next() => tracing::info!(signal, "stopping"),
            () = running.stopping.cancelled() => tracing::error!("the engine stopped"),
            ended = &mut server => return Err(Failure::new(Exit::Failed, "the HTTP door closed by itself")
                .cause(format!("{ended:?}"))),
        }
        self.closing.cancel();
        tokio::select! {
            _ = tokio::time::timeout(DRAIN_MAX, server) => {}
            // Whoever asks twice does not want to wait.
            _ = interrupts.next() => {}
        }
        // Who read what is written in batches; the last one goes out before the engine stops.
        if let Err(error) = self.access.flush().await {
            tracing::error!(%error, "the last lines of the access log were not written");
        }
        Ok(())
    }
}

/// Names the addresses once everything listens. Scripts wait for this line, people read it.
async fn say_ready(settings: &Settings, running: &Running, door: &Door) {
    let shared = running.engine.shared();
    let named = async {
        while shared.network().is_some_and(|network| network.listening().is_empty()) {
            tokio::time::sleep(PORTS_PAUSE).await;
        }
    };
    if !settings.peer.listen.is_empty() && tokio::time::timeout(PORTS_WAIT, named).await.is_err() {
        tracing::warn!("the system has not named the peer port yet");
    }
    let roster = shared.roster();
    if let Err(expired) = roster.check_fresh(now()) {
        tracing::warn!("{expired}: reading goes on; new notices wait for the next version of the roster");
    }
    let listening = shared.network().map(Network::listening).unwrap_or_default();
    let peers: Vec<String> = listening.iter().map(ToString::to_string).collect();
    tracing::info!(
        member = %shared.me,
        federation = roster.federation(),
        roster = roster.version(),
        http = door.url,
        peers = peers.join(" "),
        "the node is ready"
    );
}

/// What asks a process to stop.
struct Interrupts {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Interrupts {
    fn new() -> Result<Self, Failure> {
        let failed = |error| Failure::new(Exit::Failed, "the system takes no signal handlers").because(error);
        let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let terminate = signal(SignalKind::terminate()).map_err(failed)?;
        Ok(Self { interrupt, terminate })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// What keeps a node from starting, and what to do about it.
fn not_started(error: StartError, settings: &Settings) -> Failure {
    let data = settings.node.data.display().to_string();
    match error {
        StartError::Lock(error) => failures::lock(error).hint("one node at a time may use a data folder"),
        StartError::Key(error) => failures::key(error),
        StartError::Roster(error) => {
            failures::roster_file(error).hint(format!("concert roster apply FILE --data {data}"))
        }
        StartError::NotAMember(..) => Failure::of(Exit::Conflict, &error)
            .hint(format!("concert roster apply FILE --data {data}, with a version that lists this member")),
        StartError::OtherKey { .. } => Failure::of(Exit::Conflict, &error)
            .hint("is this the right data folder? keys change only by a new version of the roster"),
        StartError::Journal(error) => failures::journal(error),
        StartError::SignedState(_) | StartError::OtherRoot { .. } | StartError::OwnLog(_) => {
            Failure::of(Exit::Integrity, &error)
                .hint("do not sign with this folder: concert db check says what is wrong, concert db restore makes a new one")
        }
        StartError::Store(_) => Failure::of(Exit::Failed, &error)
            .hint("concert db rebuild throws the index away; nothing of record is in it"),
        StartError::Network(_) => Failure::of(Exit::Failed, &error)
            .hint("another program may use the peer port; choose another with peer.listen, port 0 takes a free one"),
        StartError::Thread(_) => Failure::of(Exit::Failed, &error),
    }
}
