// SPDX-License-Identifier: EUPL-1.2
//! `concert key`: making keys and showing their public halves. Secret halves are never shown.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::json;

use super::context::Context;
use super::failures;
use crate::keys::{KeyFile, Purpose};
use crate::net::peer_id;
use crate::output::{Column, Exit, Failure, col};

/// Make keys and show their public halves.
#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// List the keys of a node
    List,
    /// Make a new key in a file of its own, such as a root key for the roster
    Generate(Generate),
    /// Show one key: purpose, fingerprint, public half
    Show(Which),
    /// Print the fingerprint of a key, to be compared over another channel
    Fingerprint(Which),
    /// Print the public half of a key
    ExportPublic(ExportPublic),
}

#[derive(Debug, Args)]
pub(super) struct Generate {
    /// What the key is for; the keys of a node are made by concert init
    #[arg(long, value_enum, default_value = "root")]
    purpose: Purpose,
    /// The file to make; it is readable by you alone
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Which {
    /// A key file, or the purpose of a key of the node in --data: signing, cosigner, transport
    #[arg(value_name = "KEY", default_value = "signing")]
    key: String,
}

#[derive(Debug, Args)]
pub(super) struct ExportPublic {
    #[command(flatten)]
    which: Which,
    /// hex, jwk (RFC 8037) or peer-id (libp2p, transport keys only)
    #[arg(long, value_enum, default_value = "hex", hide_possible_values = true)]
    encoding: Encoding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Encoding {
    Hex,
    Jwk,
    PeerId,
}

/// A key as it is shown.
#[derive(Serialize)]
struct Shown {
    purpose: Purpose,
    fingerprint: String,
    public: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer_id: Option<String>,
    file: String,
}

pub(super) fn run(context: &Context, command: &Key) -> Result<(), Failure> {
    match command {
        Key::List => {
            let keys = context.data()?.keys();
            let shown = Purpose::OF_A_NODE.map(|purpose| load(&keys.join(purpose.file_name())));
            let shown = shown.into_iter().collect::<Result<Vec<_>, _>>()?;
            let columns = [col("purpose"), col("fingerprint"), col("public"), col("file")];
            context.output.list(&shown.iter().map(|(shown, _)| shown).collect::<Vec<_>>(), &columns)
        }
        Key::Generate(args) => {
            KeyFile::generate(&args.file, args.purpose).map_err(failures::key)?;
            context.output.one(&load(&args.file)?.0, &columns())?;
            context.output.note("keep a copy where nobody else can read it; a lost key cannot be made again");
            Ok(())
        }
        Key::Show(which) => context.output.one(&which.load(context)?.0, &columns()),
        Key::Fingerprint(which) => context.output.text(&which.load(context)?.0.fingerprint),
        Key::ExportPublic(args) => export_public(context, args),
    }
}

fn columns() -> [Column; 5] {
    [col("purpose"), col("fingerprint"), col("public"), col("peer_id"), col("file")]
}

fn export_public(context: &Context, args: &ExportPublic) -> Result<(), Failure> {
    let (shown, file) = args.which.load(context)?;
    match (args.encoding, shown.peer_id) {
        (Encoding::Hex, _) => context.output.text(&shown.public),
        (Encoding::PeerId, Some(peer_id)) => context.output.text(&peer_id),
        (Encoding::PeerId, None) => {
            Err(Failure::new(Exit::Usage, format!("a {} key has no peer id", shown.purpose))
                .hint("concert key export-public transport --encoding peer-id"))
        }
        (Encoding::Jwk, _) => {
            let (x, kid) = (file.public().to_base64url(), shown.fingerprint);
            let jwk =
                json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x});
            context.output.text(&jwk.to_string())
        }
    }
}

impl Which {
    /// The key that was named, by purpose or by file.
    fn load(&self, context: &Context) -> Result<(Shown, KeyFile), Failure> {
        match self.key.parse::<Purpose>() {
            Ok(purpose) if Purpose::OF_A_NODE.contains(&purpose) => {
                load(&context.data()?.keys().join(purpose.file_name()))
            }
            _ => load(Path::new(&self.key)),
        }
    }
}

fn load(path: &Path) -> Result<(Shown, KeyFile), Failure> {
    let file = KeyFile::load(path).map_err(failures::key)?;
    let public = file.public();
    let transport = file.purpose() == Purpose::Transport;
    let shown = Shown {
        purpose: file.purpose(),
        fingerprint: public.fingerprint(),
        public: public.to_string(),
        peer_id: transport.then(|| peer_id(&public)).flatten().map(|id| id.to_string()),
        file: path.display().to_string(),
    };
    Ok((shown, file))
}
