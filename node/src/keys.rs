// SPDX-License-Identifier: EUPL-1.2
//! Secret keys and tokens on disk: one file each, readable by its owner alone.
//!
//! A file that the group or others can read is refused, never repaired in silence: what was readable may have been read.
//! Secrets come from files only, never from settings, arguments or the environment.

mod error;
mod file;
mod node_keys;
mod purpose;
mod secret;

pub use error::KeyError;
pub use file::{KEY_FILE_LEN_MAX, KeyFile};
pub use node_keys::{ADMIN_TOKEN_FILE, KEYS_FOLDER, NodeKeys, create_private_dir};
pub use purpose::{NotAPurpose, Purpose};
pub use secret::{read_private, read_token};
