// SPDX-License-Identifier: EUPL-1.2
//! Why a command ended without doing what it was asked, in the words a person needs.

use std::error::Error;

use super::exit::Exit;

/// Most causes that are shown.
const CAUSES_MAX: usize = 32;

/// One sentence that says what failed, what caused it, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    code: u8,
    error: Option<String>,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    /// What failed, in a sentence without a full stop.
    pub fn new(exit: Exit, error: impl Into<String>) -> Self {
        Self { code: exit.code(), error: Some(error.into()), causes: Vec::new(), hint: None }
    }

    /// Ends with `code` and says nothing: the result itself says it all, or nobody listens any more.
    pub fn silent(code: u8) -> Self {
        Self { code, error: None, causes: Vec::new(), hint: None }
    }

    /// What failed is `error`; what it stems from is listed below it.
    pub fn of(exit: Exit, error: &(dyn Error + 'static)) -> Self {
        let failure = Self::new(exit, error.to_string());
        match error.source() {
            Some(source) => failure.because_of(source),
            None => failure,
        }
    }

    /// Adds a cause.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        if self.causes.len() < CAUSES_MAX {
            self.causes.push(cause.into());
        }
        self
    }

    /// Adds `error` and all that it stems from as causes.
    #[must_use]
    pub fn because(self, error: impl Error + 'static) -> Self {
        self.because_of(&error)
    }

    fn because_of(self, error: &(dyn Error + 'static)) -> Self {
        let mut failure = self;
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            // Some errors repeat their source in their own message.
            if failure.causes.last() != Some(&text) {
                failure = failure.cause(text);
            }
            next = error.source();
        }
        failure
    }

    /// Says what to do or to run.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// As [`Failure::hint`], when there is one.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    /// The exit status.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// What there is to say, as pairs of label and text.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let error = self.error.iter().map(|text| ("error", text.clone()));
        let causes = self.causes.iter().map(|text| ("cause", text.clone()));
        let hint = self.hint.iter().map(|text| ("hint", text.clone()));
        error.chain(causes).chain(hint).collect()
    }
}
