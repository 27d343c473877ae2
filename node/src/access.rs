// SPDX-License-Identifier: EUPL-1.2
//! Who may do what at this node's door: tokens, drafts that wait for a second person, and the log of who read what.
//!
//! All of it is this node's alone: it lives in the private journal and in memory, nothing of it is ever federated, and a
//! token's secret is not stored at all. [`policy`] is the one table of routes and roles; the HTTP door drives it.

mod draft;
mod limit;
pub mod policy;
mod reading;
mod record;
mod role;
mod state;
mod token;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use concert_protocol::entry::text::Text;
use concert_protocol::time::Timestamp;

pub use draft::{Decision, Draft, DraftError, DraftId, DraftState};
pub use limit::{Allowance, Limiter, Pace};
pub use reading::{LINES_KEPT_MAX, Reading};
pub use record::{RecordError, kinds};
pub use role::{NotARole, Role, RoleName};
pub use state::LoadReport;
pub use token::{NotATokenId, TokenId, TokenInfo, TokenSecret};

use crate::engine::{AuthorError, Engine};
use crate::journal::PrivateRecord;
use crate::keys::ADMIN_TOKEN_FILE;
use record::Record;
use state::State;

/// Most live tokens; issuing more is refused.
pub const TOKENS_MAX: usize = 50_000;
/// Most drafts that wait; more are refused until some are decided.
pub const DRAFTS_OPEN_MAX: usize = 5_000;

/// Why access control could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The private journal could not be written.
    #[error(transparent)]
    Write(#[from] AuthorError),
    /// There are as many tokens as may be.
    #[error("{TOKENS_MAX} tokens are live; revoke some first")]
    TooManyTokens,
    /// A draft cannot be put or decided.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Random,
    /// A value is too large for one record of the private journal.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The file of the first token could not be written.
    #[error("cannot write {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A cheap handle to the access control of a running node.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    engine: Engine,
    state: RwLock<State>,
    /// Held from a check to the durable write of what follows from it, so that two deciders cannot both be first.
    writing: tokio::sync::Mutex<()>,
    readings: reading::Queue,
}

/// What a new token is for.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// For people: whose it is.
    pub name: Text<1, 120>,
    /// What it allows.
    pub role: Role,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
}

impl Access {
    /// Rebuilds the live set from the private journal's records, oldest first.
    pub fn load(engine: Engine, records: &[PrivateRecord]) -> (Self, LoadReport) {
        let (state, report) = State::load(records);
        let readings = reading::Queue::new(report.readings_ever);
        let inner =
            Inner { engine, state: RwLock::new(state), writing: tokio::sync::Mutex::default(), readings };
        (Self(Arc::new(inner)), report)
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The live token that `text` is, at `now`. Found by digest, so the time taken says nothing about the secret.
    pub fn authenticate(&self, text: &str, now: Timestamp) -> Option<TokenInfo> {
        let digest = TokenSecret::digest_of(text)?;
        self.state().token(&digest).filter(|token| token.is_live(now)).cloned()
    }

    /// Whether the token of this id still opens anything; for what outlasts a request.
    pub fn is_live(&self, id: TokenId, now: Timestamp) -> bool {
        self.state().token_by_id(id).is_some_and(|token| token.is_live(now))
    }

    /// Issues a token; the secret is returned this once.
    ///
    /// # Errors
    ///
    /// [`AccessError`]; no token exists then.
    pub async fn issue(
        &self,
        new: NewToken,
        now: Timestamp,
    ) -> Result<(TokenSecret, TokenInfo), AccessError> {
        let secret = TokenSecret::random(new.role.name()).ok_or(AccessError::Random)?;
        let info = self.register(&secret, new, now).await?;
        Ok((secret, info))
    }

    /// Makes a secret open something.
    async fn register(
        &self,
        secret: &TokenSecret,
        new: NewToken,
        now: Timestamp,
    ) -> Result<TokenInfo, AccessError> {
        let id = TokenId::random().ok_or(AccessError::Random)?;
        let info = TokenInfo {
            id,
            name: new.name,
            role: new.role,
            issued_at: now,
            expires: new.expires,
            revoked_at: None,
        };
        let record = Record::TokenIssued { token: info.clone(), digest: secret.digest() };
        self.write(move |state| {
            if state.live_tokens(now) >= TOKENS_MAX {
                Err(AccessError::TooManyTokens)
            } else {
                Ok(Some(record))
            }
        })
        .await?;
        Ok(info)
    }

    /// Revokes a token at once. `false` if there is none of this id; revoking twice changes nothing.
    ///
    /// # Errors
    ///
    /// [`AccessError::Write`].
    pub async fn revoke(&self, id: TokenId, now: Timestamp) -> Result<bool, AccessError> {
        self.write(move |state| {
            let live = state.token_by_id(id).is_some_and(|token| token.revoked_at.is_none());
            Ok(live.then_some(Record::TokenRevoked { id, at: now }))
        })
        .await?;
        Ok(self.state().token_by_id(id).is_some())
    }

    /// Every token ever issued, by time of issue.
    pub fn tokens(&self) -> Vec<TokenInfo> {
        let mut tokens: Vec<TokenInfo> = self.state().tokens().cloned().collect();
        tokens.sort_by_key(|token| (token.issued_at, token.id));
        tokens
    }

    /// On a first start without tokens: writes an administrator's token to `<keys>/admin.token`, which only its owner
    /// can read, and says where. Nothing happens when an administrator's token is live.
    ///
    /// # Errors
    ///
    /// [`AccessError`]; start again once the cause is gone.
    pub async fn first_administrator(
        &self,
        keys: &Path,
        now: Timestamp,
    ) -> Result<Option<PathBuf>, AccessError> {
        let has_one =
            self.state().tokens().any(|token| token.role == Role::Administrator && token.is_live(now));
        if has_one {
            return Ok(None);
        }
        let name = "first administrator".parse().expect("a name of fewer than 120 characters");
        let new = NewToken { name, role: Role::Administrator, expires: None };
        let secret = TokenSecret::random(new.role.name()).ok_or(AccessError::Random)?;
        let path = keys.join(ADMIN_TOKEN_FILE);
        // The file first: a node that ends in between writes another, and never has a token that nobody holds.
        token::write_secret_file(&path, &secret)
            .map_err(|source| AccessError::File { path: path.clone(), source })?;
        self.register(&secret, new, now).await?;
        Ok(Some(path))
    }

    /// Puts a draft, or finds it put before with the same referral.
    ///
    /// # Errors
    ///
    /// [`DraftError::Changed`], [`DraftError::TooMany`]; [`AccessError::Write`].
    pub async fn put_draft(&self, draft: Draft) -> Result<Draft, AccessError> {
        let id = draft.id;
        self.write(move |state| match state.draft(&draft.id) {
            Some(known) if known.state == DraftState::Rejected => {
                Ok(Some(Record::DraftPut { draft: Box::new(draft) }))
            }
            Some(known) if known.referral == draft.referral => Ok(None),
            Some(_) => Err(DraftError::Changed.into()),
            None if state.open_drafts() >= DRAFTS_OPEN_MAX => Err(DraftError::TooMany.into()),
            None => Ok(Some(Record::DraftPut { draft: Box::new(draft) })),
        })
        .await?;
        self.draft(&id).ok_or_else(|| DraftError::Unknown.into())
    }

    /// Decides a draft. The same decision again by anybody who may take it changes nothing.
    ///
    /// # Errors
    ///
    /// [`DraftError`]: unknown, decided otherwise, or decided by its author.
    pub async fn decide_draft(&self, id: DraftId, decision: Decision) -> Result<Draft, AccessError> {
        self.write(move |state| {
            let draft = state.draft(&id).ok_or(DraftError::Unknown)?;
            let new = draft.check_decision(&decision)?;
            Ok(new.then_some(Record::DraftDecided { id, decision }))
        })
        .await?;
        self.draft(&id).ok_or_else(|| DraftError::Unknown.into())
    }

    /// One draft.
    pub fn draft(&self, id: &DraftId) -> Option<Draft> {
        self.state().draft(id).cloned()
    }

    /// Every draft, by time.
    pub fn drafts(&self) -> Vec<Draft> {
        let mut drafts: Vec<Draft> = self.state().drafts().cloned().collect();
        drafts.sort_by_key(|draft| (draft.at, draft.id));
        drafts
    }

    /// Notes that a person read something. Lines are written together a moment later; [`Access::flush`] waits for it.
    pub fn note(&self, reading: Reading) {
        if self.0.readings.push(reading) {
            // A task that waits must not keep the engine of a stopped node open.
            let access = Arc::downgrade(&self.0);
            tokio::spawn(async move {
                tokio::time::sleep(reading::FLUSH_AFTER).await;
                let Some(access) = access.upgrade().map(Self) else { return };
                if let Err(error) = access.flush().await {
                    tracing::error!(%error, "lines of the access log wait in memory");
                }
            });
        }
    }

    /// Makes every noted line durable.
    ///
    /// # Errors
    ///
    /// [`AccessError::Write`]; the lines are kept and tried again.
    pub async fn flush(&self) -> Result<(), AccessError> {
        loop {
            let lines = self.0.readings.take();
            if lines.is_empty() {
                return Ok(());
            }
            let record = Record::Read { lines: lines.clone() };
            if let Err(error) = self.write(move |_| Ok(Some(record))).await {
                self.0.readings.give_back(lines);
                return Err(error);
            }
        }
    }

    /// Durable lines of the access log below number `before`, newest first.
    pub fn readings(&self, before: Option<u64>, limit: usize) -> Vec<Reading> {
        self.state().readings(before, limit)
    }

    /// Checks, writes durably, applies: in this order, one at a time, and to the end even if the caller goes away.
    async fn write(
        &self,
        check: impl FnOnce(&State) -> Result<Option<Record>, AccessError> + Send + 'static,
    ) -> Result<(), AccessError> {
        let inner = self.0.clone();
        let task = tokio::spawn(async move {
            let _writing = inner.writing.lock().await;
            let record = check(&inner.state.read().unwrap_or_else(PoisonError::into_inner))?;
            let Some(record) = record else { return Ok(()) };
            inner.engine.write_private(vec![record.encode()?]).await?;
            inner.state.write().unwrap_or_else(PoisonError::into_inner).apply(record);
            Ok(())
        });
        task.await.unwrap_or(Err(AccessError::Write(AuthorError::Stopping)))
    }
}
