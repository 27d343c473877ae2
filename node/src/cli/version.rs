// SPDX-License-Identifier: EUPL-1.2
//! `concert version`.

use serde::Serialize;

use super::context::Context;
use crate::net;
use crate::output::{Failure, Format, col};

#[derive(Serialize)]
struct Version {
    version: &'static str,
    /// Protocol ids spoken with other members' nodes.
    peer_protocols: [&'static str; 1],
    /// Major version of the HTTP API.
    api: &'static str,
    licence: &'static str,
}

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let version = Version {
        version: env!("CARGO_PKG_VERSION"),
        peer_protocols: [net::PROTOCOL],
        api: "v1",
        licence: env!("CARGO_PKG_LICENSE"),
    };
    match context.output.format() {
        Format::Table => context.output.text(&format!(
            "concert {} · peers {} · API {} · {}",
            version.version, version.peer_protocols[0], version.api, version.licence
        )),
        _ => {
            context.output.one(&version, &[col("version"), col("peer_protocols"), col("api"), col("licence")])
        }
    }
}
