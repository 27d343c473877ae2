// SPDX-License-Identifier: EUPL-1.2
//! Every flipped bit and every truncation of an entry of every kind: none is accepted.

use concert_protocol::entry::KnownKind;

use crate::forge::read;
use crate::vectors::{Valid, valid};

/// The shorter vector of each kind.
fn one_of_each() -> Vec<Valid> {
    let mut shortest: Vec<Valid> = Vec::new();
    for vector in valid() {
        match shortest.iter_mut().find(|other| other.kind == vector.kind) {
            Some(other) if vector.jws.len() < other.jws.len() => *other = vector,
            Some(_) => {}
            None => shortest.push(vector),
        }
    }
    assert_eq!(shortest.len(), KnownKind::ALL.len() + 2, "every kind and two unknown ones");
    shortest
}

/// Damages every vector on all cores and counts what was tried.
fn try_all(damaged: impl Fn(&[u8], &mut dyn FnMut(&[u8], String)) + Sync) -> usize {
    let vectors = one_of_each();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|core| {
                let (vectors, damaged) = (&vectors, &damaged);
                scope.spawn(move || {
                    let mut tried = 0;
                    for vector in vectors.iter().skip(core).step_by(cores) {
                        let owner = vector.payload["author"].as_str().expect("an author");
                        damaged(vector.jws.as_bytes(), &mut |bytes, what| {
                            tried += 1;
                            assert!(read(bytes, owner).is_err(), "{}: accepted with {what}", vector.name);
                        });
                    }
                    tried
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("no panic")).sum()
    })
}

#[test]
fn no_flipped_bit_is_accepted() {
    let tried = try_all(|bytes, try_one| {
        let mut flipped = bytes.to_vec();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                flipped[at] ^= 1 << bit;
                try_one(&flipped, format!("bit {bit} of byte {at} flipped"));
                flipped[at] ^= 1 << bit;
            }
        }
    });
    assert!(tried > 100_000, "{tried} tried");
}

#[test]
fn no_truncation_is_accepted() {
    let tried = try_all(|bytes, try_one| {
        for len in 0..bytes.len() {
            try_one(&bytes[..len], format!("{len} of {} bytes", bytes.len()));
            try_one(&bytes[bytes.len() - len..], format!("the last {len} of {} bytes", bytes.len()));
        }
    });
    assert!(tried > 30_000, "{tried} tried");
}

#[test]
fn no_addition_is_accepted() {
    let tried = try_all(|bytes, try_one| {
        for extra in 0..=255 {
            try_one(&[bytes, &[extra]].concat(), format!("byte {extra} behind"));
            try_one(&[&[extra], bytes].concat(), format!("byte {extra} before"));
        }
    });
    assert!(tried > 10_000, "{tried} tried");
}
