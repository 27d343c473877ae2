// SPDX-License-Identifier: EUPL-1.2
//! Receipts: everything needed to check, without the network, that an entry is in a log (spec 02-log,
//! "Receipts"; C2SP tlog-proof).
//!
//! A receipt proves inclusion in a tree that the log's author signed. That others saw the same tree, its
//! cosignatures prove; their quorum is the reader's choice.

use std::fmt;

use super::checkpoint::{Checkpoint, OpenError, open_checkpoint, parse_decimal};
use super::hash::Hash;
use super::note::{NOTE_LEN_MAX, NoteError, SignedNote};
use super::proof::{PATH_LEN_MAX, ProofError, verify_inclusion};
use crate::encoding::{base64_decode, base64_encode};
use crate::key::PublicKey;

/// Most bytes of extra data: an entry fits.
pub const RECEIPT_EXTRA_LEN_MAX: usize = 65_535;
/// Longest receipt, in bytes.
pub const RECEIPT_LEN_MAX: usize = NOTE_LEN_MAX + 96 * 1024;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// An inclusion proof with the checkpoint that it leads to. Unchecked until [`Receipt::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    extra: Vec<u8>,
    index: u64,
    path: Vec<Hash>,
    checkpoint: SignedNote,
}

/// Why a receipt was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Longer than [`RECEIPT_LEN_MAX`].
    #[error("a receipt of {found} bytes is over the limit of {RECEIPT_LEN_MAX}")]
    TooLong {
        /// Bytes that came.
        found: usize,
    },
    /// Not UTF-8, or the first line is another.
    #[error("not a receipt: the first line is not {HEADER:?}")]
    Header,
    /// The extra line is empty, over [`RECEIPT_EXTRA_LEN_MAX`] or not canonical base64.
    #[error("the receipt's extra data are not 1 to {RECEIPT_EXTRA_LEN_MAX} bytes in base64")]
    Extra,
    /// No index line where one must be, or not a number in its shortest form.
    #[error("the receipt has no index line with a number without leading zeros")]
    Index,
    /// A line of the path is not base64 of 32 bytes.
    #[error("hash {number} of the receipt's path is not base64 of 32 bytes")]
    Hash {
        /// Counted from 1.
        number: usize,
    },
    /// No empty line and checkpoint after the path.
    #[error("the receipt has no checkpoint")]
    NoCheckpoint,
    /// The checkpoint is not a signed note.
    #[error("the receipt's checkpoint is malformed")]
    Note(#[from] NoteError),
    /// The checkpoint is not the expected log's.
    #[error("the receipt's checkpoint is refused")]
    Checkpoint(#[from] OpenError),
    /// The entry is not where the receipt says.
    #[error("the receipt's proof does not hold")]
    Proof(#[from] ProofError),
}

impl Receipt {
    /// Puts a receipt together; `extra` may be empty and is nobody's word.
    ///
    /// # Errors
    ///
    /// `Extra`, `Index`, or `Proof` with `PathTooLong`.
    pub fn new(
        index: u64,
        path: Vec<Hash>,
        checkpoint: SignedNote,
        extra: Vec<u8>,
    ) -> Result<Self, ReceiptError> {
        if extra.len() > RECEIPT_EXTRA_LEN_MAX {
            return Err(ReceiptError::Extra);
        }
        if index >= super::tree::TREE_SIZE_MAX {
            return Err(ReceiptError::Index);
        }
        if path.len() > PATH_LEN_MAX {
            return Err(ProofError::PathTooLong { found: path.len() }.into());
        }
        Ok(Self { extra, index, path, checkpoint })
    }

    /// Reads a receipt.
    ///
    /// # Errors
    ///
    /// [`ReceiptError`], all but `Checkpoint`.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        if bytes.len() > RECEIPT_LEN_MAX {
            return Err(ReceiptError::TooLong { found: bytes.len() });
        }
        let text = str::from_utf8(bytes).map_err(|_| ReceiptError::Header)?;
        let rest = text.strip_prefix(HEADER).and_then(|rest| rest.strip_prefix('\n'));
        let rest = rest.ok_or(ReceiptError::Header)?;
        let (head, checkpoint) = rest.split_once("\n\n").ok_or(ReceiptError::NoCheckpoint)?;
        let mut lines = head.split('\n').peekable();
        let extra = match lines.next_if(|line| line.starts_with("extra ")) {
            Some(line) => parse_extra(&line["extra ".len()..]).ok_or(ReceiptError::Extra)?,
            None => Vec::new(),
        };
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.and_then(parse_decimal).ok_or(ReceiptError::Index)?;
        let mut path = Vec::new();
        for (line, number) in lines.zip(1..) {
            path.push(Hash::from_base64(line).ok_or(ReceiptError::Hash { number })?);
        }
        Self::new(index, path, SignedNote::parse(checkpoint.as_bytes())?, extra)
    }

    /// Data that the maker added; empty if none. Nothing vouches for them.
    pub fn extra(&self) -> &[u8] {
        &self.extra
    }

    /// The entry's place in the log, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The inclusion path, from the leaf's sibling upwards.
    pub fn path(&self) -> &[Hash] {
        &self.path
    }

    /// The signed checkpoint, with whatever cosignatures came with it.
    pub fn checkpoint(&self) -> &SignedNote {
        &self.checkpoint
    }

    /// Checks that the entry with hash `leaf` is at [`Receipt::index`] of the log `origin` under a checkpoint
    /// signed by `key`, and returns that checkpoint.
    ///
    /// # Errors
    ///
    /// `Checkpoint` or `Proof`.
    pub fn verify(&self, leaf: &Hash, origin: &str, key: &PublicKey) -> Result<Checkpoint, ReceiptError> {
        let checkpoint = open_checkpoint(&self.checkpoint, origin, key)?;
        verify_inclusion(self.index, checkpoint.size, leaf, &self.path, &checkpoint.root)?;
        Ok(checkpoint)
    }
}

fn parse_extra(encoded: &str) -> Option<Vec<u8>> {
    base64_decode(encoded).filter(|extra| !extra.is_empty())
}

/// The receipt's text, as kept in `.tlog-proof` files.
impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if !self.extra.is_empty() {
            writeln!(f, "extra {}", base64_encode(&self.extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{}", hash.to_base64()))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::vectors::{EXAMPLE, ORIGIN, RECEIPT, log_key};
    use super::super::{leaf_hash, naive};
    use super::*;

    fn example() -> Receipt {
        Receipt::parse(RECEIPT.as_bytes()).expect("a receipt")
    }

    #[test]
    fn the_example_proves_its_entry_and_no_other() {
        let receipt = example();
        assert_eq!(receipt.to_string(), RECEIPT);
        assert_eq!((receipt.index(), receipt.extra()), (1, &b"second entry"[..]));
        let verify = |leaf: &[u8]| receipt.verify(&leaf_hash(leaf), ORIGIN, &log_key().public());
        assert_eq!(verify(b"second entry").map(|checkpoint| checkpoint.size), Ok(3));
        assert_eq!(verify(b"first entry"), Err(ReceiptError::Proof(ProofError::Root)));
        let elsewhere = receipt.verify(&leaf_hash(b"second entry"), "other.example", &log_key().public());
        assert!(matches!(elsewhere, Err(ReceiptError::Checkpoint(OpenError::Origin { .. }))));
        let note = receipt.checkpoint().clone();
        let moved = Receipt::new(3, receipt.path().to_vec(), note, Vec::new()).expect("a receipt");
        let held = moved.verify(&leaf_hash(b"second entry"), ORIGIN, &log_key().public());
        assert_eq!(held, Err(ReceiptError::Proof(ProofError::IndexBeyondSize { index: 3, size: 3 })));
    }

    #[test]
    fn malformed_receipts_are_refused_by_name() {
        let hash = leaf_hash(b"").to_base64();
        let parse = |head: &str| Receipt::parse(format!("{head}{EXAMPLE}").as_bytes()).map(|_| ());
        assert_eq!(parse(&format!("{HEADER}\nindex 0\n\n")), Ok(()));
        assert_eq!(parse("wrong\nindex 0\n\n"), Err(ReceiptError::Header));
        assert_eq!(parse(&format!("{HEADER} \nindex 0\n\n")), Err(ReceiptError::Header));
        for extra in ["extra", "extra !!", "extra ", "extra QQ", "extra QUE= "] {
            let expected = if extra == "extra" { ReceiptError::Index } else { ReceiptError::Extra };
            assert_eq!(parse(&format!("{HEADER}\n{extra}\nindex 0\n\n")), Err(expected), "{extra:?}");
        }
        for index in ["", "index", "index ", "index -5", "index 05", "index n", "index 9223372036854775807"] {
            assert_eq!(parse(&format!("{HEADER}\n{index}\n\n")), Err(ReceiptError::Index), "{index:?}");
        }
        assert_eq!(
            parse(&format!("{HEADER}\nindex 0\nextra QUE=\n\n")),
            Err(ReceiptError::Hash { number: 1 })
        );
        let long = base64_encode(&[0; 64]);
        assert_eq!(
            parse(&format!("{HEADER}\nindex 0\n{hash}\n{long}\n\n")),
            Err(ReceiptError::Hash { number: 2 })
        );
        assert_eq!(
            Receipt::parse(format!("{HEADER}\nindex 0\n").as_bytes()),
            Err(ReceiptError::NoCheckpoint)
        );
        assert!(matches!(
            Receipt::parse(format!("{HEADER}\nindex 0\n\ncheckpoint\n").as_bytes()),
            Err(ReceiptError::Note(_))
        ));
        let path = format!("{hash}\n").repeat(64);
        assert_eq!(
            parse(&format!("{HEADER}\nindex 0\n{path}\n")),
            Err(ReceiptError::Proof(ProofError::PathTooLong { found: 64 }))
        );
        let found = RECEIPT_LEN_MAX + 1;
        assert_eq!(Receipt::parse(&vec![b'a'; found]), Err(ReceiptError::TooLong { found }));
    }

    #[test]
    fn every_truncation_is_refused_or_loses_whole_cosignatures() {
        for end in 0..RECEIPT.len() {
            if let Ok(receipt) = Receipt::parse(&RECEIPT.as_bytes()[..end]) {
                assert!(receipt.checkpoint().signatures().len() < 3);
            }
        }
    }

    #[test]
    fn the_longest_receipt_fits() {
        let note = EXAMPLE.parse().expect("a note");
        let largest = Receipt::new(
            super::super::tree::TREE_SIZE_MAX - 1,
            vec![leaf_hash(b""); PATH_LEN_MAX],
            note,
            vec![0; RECEIPT_EXTRA_LEN_MAX],
        )
        .expect("a receipt");
        let text = largest.to_string();
        assert!(text.len() - EXAMPLE.len() + NOTE_LEN_MAX <= RECEIPT_LEN_MAX);
        assert_eq!(Receipt::parse(text.as_bytes()), Ok(largest));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(index in 0u64..1 << 40, hashes in 0u64..63, extra: Vec<u8>) {
            let note = EXAMPLE.parse().expect("a note");
            let receipt = Receipt::new(index, naive::leaves(hashes), note, extra).expect("a receipt");
            prop_assert_eq!(Receipt::parse(receipt.to_string().as_bytes()), Ok(receipt));
        }
    }
}
