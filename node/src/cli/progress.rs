// SPDX-License-Identifier: EUPL-1.2
//! Bars on stderr for work that takes a while; nothing where nobody looks.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Context;

/// How often a bar is drawn at most, per second.
const HZ_MAX: u8 = 8;

/// A bar over `len` of `what`; hidden when stderr is no terminal, or under `--quiet`.
pub(super) fn bar(context: &Context, len: u64, what: &'static str) -> ProgressBar {
    if !context.output.shows_progress() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(
        "{msg:<12} [{bar:28}] {percent:>3} %  {human_pos} / {human_len}  {per_sec}  eta {eta}",
    );
    let bar = ProgressBar::with_draw_target(Some(len), ProgressDrawTarget::stderr_with_hz(HZ_MAX));
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar.set_message(what);
    bar
}
