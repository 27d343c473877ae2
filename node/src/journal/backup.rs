// SPDX-License-Identifier: EUPL-1.2
//! A consistent copy of the data folder while the node runs, and the way back.
//!
//! What depends on records is copied before them: the signed state, then checkpoints, then segments. So a copy may
//! hold records that nothing in it mentions, never the reverse. The store is not copied: it is derived.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::disk;
use super::error::JournalError;
use super::layout::DataDir;
use super::segment;

const MANIFEST: &str = "manifest";
const MANIFEST_LEN_MAX: u64 = 64 << 20;
const COPY_BLOCK: usize = 1 << 20;
/// A folder that is rewritten while it is copied is copied again this many times.
const TRIES: usize = 5;

/// What was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// One copied file, as the manifest has it.
struct Copied {
    name: String,
    len: u64,
    checksum: u32,
}

/// Copies the data folder into the new or empty folder `to`; secret keys only if `keys` says so.
///
/// Works beside a running node. A manifest with every file's length and CRC32C is written last: a copy without one is
/// not a backup.
///
/// # Errors
///
/// [`JournalError::NotEmpty`]; [`JournalError::Io`] or [`JournalError::StorageFull`] on either side.
pub fn backup(data: &DataDir, to: &Path, keys: bool) -> Result<BackupReport, JournalError> {
    require_empty(to)?;
    disk::create_dir(to)?;
    let target = DataDir::new(to);
    let mut copied = Vec::new();
    copy_if_there(&data.signed_state(), &target.signed_state(), to, &mut copied)?;
    let logs = data.list_logs()?;
    for log in &logs {
        disk::create_dir(&target.log(log))?;
        let checkpoint = target.log(log).join("checkpoint");
        copy_if_there(&data.log(log).join("checkpoint"), &checkpoint, to, &mut copied)?;
    }
    for log in &logs {
        copy_segments(&data.log(log), &target.log(log), to, &mut copied)?;
    }
    copy_segments(&data.private(), &target.private(), to, &mut copied)?;
    let mut trees = vec![(data.roster(), target.roster()), (data.alarms(), target.alarms())];
    if keys {
        trees.push((data.keys(), target.keys()));
    }
    for (from, into) in trees {
        copy_tree(&from, &into, to, &mut copied)?;
    }
    let line = |file: &Copied| format!("{:08x} {} {}\n", file.checksum, file.len, file.name);
    disk::replace_file(&to.join(MANIFEST), copied.iter().map(line).collect::<String>().as_bytes())?;
    Ok(BackupReport { files: copied.len() as u64, bytes: copied.iter().map(|file| file.len).sum() })
}

/// Copies the backup in `from` into a new or empty data folder, after comparing every file with the manifest.
///
/// The result is marked as restored ([`DataDir::restored`]): peers may have seen more of this node's log than the
/// backup has, so they must be asked before anything is signed.
///
/// # Errors
///
/// [`JournalError::NotEmpty`] if the data folder holds anything; [`JournalError::BadBackup`]; [`JournalError::Io`].
pub fn restore(from: &Path, data: &DataDir) -> Result<BackupReport, JournalError> {
    require_empty(data.root())?;
    let manifest_path = from.join(MANIFEST);
    let bad = |path: &Path| JournalError::BadBackup { path: path.to_owned() };
    let manifest =
        disk::read_bounded(&manifest_path, MANIFEST_LEN_MAX)?.ok_or_else(|| bad(&manifest_path))?;
    let manifest = String::from_utf8(manifest).map_err(|_| bad(&manifest_path))?;
    let files: Vec<Copied> = manifest
        .lines()
        .map(|line| parse_line(line).ok_or_else(|| bad(&manifest_path)))
        .collect::<Result<_, _>>()?;
    for file in &files {
        let path = from.join(&file.name);
        let found = read_checksum(&path)?;
        if found != Some((file.len, file.checksum)) {
            return Err(bad(&path));
        }
    }
    disk::create_dir(data.root())?;
    // The mark comes first: an interrupted restore must not look like a node that remembers everything.
    disk::replace_file(&data.restored(), b"restored from a backup; ask peers before signing\n")?;
    let mut copied = Vec::new();
    for file in &files {
        let path = data.root().join(&file.name);
        disk::create_dir(path.parent().unwrap_or(data.root()))?;
        copy_if_there(&from.join(&file.name), &path, data.root(), &mut copied)?;
    }
    Ok(BackupReport { files: copied.len() as u64, bytes: copied.iter().map(|file| file.len).sum() })
}

fn require_empty(dir: &Path) -> Result<(), JournalError> {
    if disk::list(dir)?.is_empty() {
        return Ok(());
    }
    Err(JournalError::NotEmpty { path: dir.to_owned() })
}

fn parse_line(line: &str) -> Option<Copied> {
    let mut parts = line.splitn(3, ' ');
    let checksum = u32::from_str_radix(parts.next()?, 16).ok()?;
    let len = parts.next()?.parse().ok()?;
    let name = parts.next()?.to_owned();
    // A manifest from elsewhere must not write outside the data folder.
    let inside = Path::new(&name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    inside.then_some(Copied { name, len, checksum })
}

/// Copies the segment files of one journal up to the sizes they have now.
fn copy_segments(
    from: &Path,
    into: &Path,
    root: &Path,
    copied: &mut Vec<Copied>,
) -> Result<(), JournalError> {
    disk::create_dir(into)?;
    let is_segment =
        |path: &PathBuf| path.file_name().and_then(|name| segment::first_index(name.to_str()?)).is_some();
    for _ in 0..TRIES {
        let names: Vec<PathBuf> = disk::list(from)?.into_iter().filter(is_segment).collect();
        let mut batch = Vec::new();
        let all_there = names.iter().try_fold(true, |there, path| {
            let target = into.join(path.file_name().unwrap_or_default());
            Ok::<_, JournalError>(copy_if_there(path, &target, root, &mut batch)? && there)
        })?;
        if all_there {
            copied.append(&mut batch);
            return disk::sync_dir(into);
        }
        // A snapshot superseded the files that were listed.
        for path in disk::list(into)?.iter().filter(|path| is_segment(path)) {
            fs::remove_file(path).map_err(|source| JournalError::io("removing", path, source))?;
        }
    }
    let source = io::Error::from(io::ErrorKind::ResourceBusy);
    Err(JournalError::io("copying", from, source))
}

fn copy_tree(from: &Path, into: &Path, root: &Path, copied: &mut Vec<Copied>) -> Result<(), JournalError> {
    for path in disk::list(from)? {
        let target = into.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_tree(&path, &target, root, copied)?;
        } else if path.extension().is_none_or(|extension| extension != disk::TEMPORARY) {
            disk::create_dir(into)?;
            copy_if_there(&path, &target, root, copied)?;
        }
    }
    Ok(())
}

/// Copies one file durably, with its mode, up to the length it has at the beginning. False if it is not there.
fn copy_if_there(
    from: &Path,
    to: &Path,
    root: &Path,
    copied: &mut Vec<Copied>,
) -> Result<bool, JournalError> {
    let reading = |source| JournalError::io("reading", from, source);
    let writing = |source| JournalError::io("writing", to, source);
    let source = match File::open(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        file => file.map_err(reading)?,
    };
    let metadata = source.metadata().map_err(reading)?;
    let mut target = File::options().write(true).create_new(true).open(to).map_err(writing)?;
    target.set_permissions(metadata.permissions()).map_err(writing)?;
    let mut source = source.take(metadata.len());
    let mut block = vec![0; COPY_BLOCK];
    let (mut len, mut checksum) = (0, 0);
    loop {
        let read = source.read(&mut block).map_err(reading)?;
        if read == 0 {
            break;
        }
        target.write_all(&block[..read]).map_err(writing)?;
        checksum = crc32c::crc32c_append(checksum, &block[..read]);
        len += read as u64;
    }
    target.sync_all().map_err(writing)?;
    let name = to.strip_prefix(root).unwrap_or(to).to_string_lossy().into_owned();
    copied.push(Copied { name, len, checksum });
    Ok(true)
}

fn read_checksum(path: &Path) -> Result<Option<(u64, u32)>, JournalError> {
    let failed = |source| JournalError::io("reading", path, source);
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(failed)?,
    };
    let mut block = vec![0; COPY_BLOCK];
    let (mut len, mut checksum) = (0, 0);
    loop {
        let read = file.read(&mut block).map_err(failed)?;
        if read == 0 {
            return Ok(Some((len, checksum)));
        }
        checksum = crc32c::crc32c_append(checksum, &block[..read]);
        len += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use concert_protocol::log::Hash;
    use concert_protocol::member::LogId;

    use super::super::log_journal::LogJournal;
    use super::super::private::{PrivateJournal, PrivateRecord};
    use super::super::record::Record;
    use super::super::signed_state::SignedStateFile;
    use super::*;

    fn entries(range: std::ops::Range<u32>) -> Vec<Record> {
        range.map(|n| Record::Entry(n.to_be_bytes().to_vec())).collect()
    }

    struct Node {
        _dir: tempfile::TempDir,
        data: DataDir,
        log: LogId,
        journal: LogJournal,
        private: PrivateJournal,
    }

    fn node() -> Node {
        let dir = tempfile::tempdir().expect("a folder");
        let data = DataDir::new(dir.path().join("data"));
        let log: LogId = "FR/1".parse().expect("a log");
        let (mut journal, _) = LogJournal::open(&data.log(&log), 0).expect("opened");
        journal.append(&entries(0..100)).expect("appended");
        journal.store_checkpoint(b"a note").expect("stored");
        let root = journal.root_at(100).expect("a root");
        SignedStateFile::open(&data.signed_state())
            .expect("opened")
            .advance(&log, 100, root)
            .expect("signed");
        let (mut private, _) = PrivateJournal::open(&data.private()).expect("opened");
        private.append(&[PrivateRecord { kind: 1, body: b"draft".to_vec() }]).expect("appended");
        fs::create_dir_all(data.keys()).expect("created");
        fs::write(data.keys().join("log.key"), b"secret").expect("written");
        fs::create_dir_all(data.store()).expect("created");
        fs::write(data.store().join("db"), b"derived").expect("written");
        Node { _dir: dir, data, log, journal, private }
    }

    #[test]
    fn a_running_node_is_copied_and_comes_back_whole() {
        let mut node = node();
        let to = node.data.root().with_file_name("backup");
        let report = backup(&node.data, &to, false).expect("copied");
        node.journal.append(&entries(100..120)).expect("goes on");
        node.private.append(&[PrivateRecord { kind: 1, body: b"later".to_vec() }]).expect("goes on");
        assert_eq!(report.files, 4);
        assert!(!to.join("keys").exists() && !to.join("store").exists());
        let back = DataDir::new(node.data.root().with_file_name("restored"));
        assert_eq!(restore(&to, &back).expect("restored"), report);
        assert!(back.restored().exists());
        let signed = SignedStateFile::open(&back.signed_state()).expect("opened");
        let state = signed.last().expect("something was signed").state;
        let (journal, report) = LogJournal::open(&back.log(&node.log), state.size).expect("opened");
        assert_eq!((report.size, report.damaged.len()), (100, 0));
        assert_eq!(journal.root_at(100).expect("a root"), state.root);
        assert_eq!(journal.checkpoint(), Some(&b"a note"[..]));
        assert_eq!(PrivateJournal::open(&back.private()).expect("opened").1.records, 1);
    }

    #[test]
    fn keys_are_copied_on_request_with_their_mode() {
        use std::os::unix::fs::PermissionsExt;
        let node = node();
        let key = node.data.keys().join("log.key");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("set");
        let to = node.data.root().with_file_name("backup");
        backup(&node.data, &to, true).expect("copied");
        let mode = fs::metadata(to.join("keys/log.key")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn nothing_is_written_over_and_a_changed_backup_is_refused() {
        let node = node();
        let to = node.data.root().with_file_name("backup");
        assert!(matches!(restore(&to, &node.data), Err(JournalError::NotEmpty { .. })));
        backup(&node.data, &to, true).expect("copied");
        assert!(matches!(backup(&node.data, &to, true), Err(JournalError::NotEmpty { .. })));
        let back = DataDir::new(node.data.root().with_file_name("restored"));
        let signed = fs::read(to.join("signed-state")).expect("read");
        fs::write(to.join("signed-state"), &signed[1..]).expect("written");
        assert!(
            matches!(restore(&to, &back), Err(JournalError::BadBackup { path }) if path.ends_with("signed-state"))
        );
        assert!(!back.root().exists());
        fs::remove_file(to.join("manifest")).expect("removed");
        assert!(matches!(restore(&to, &back), Err(JournalError::BadBackup { .. })));
        fs::write(to.join("manifest"), b"00000000 0 ../outside\n").expect("written");
        assert!(matches!(restore(&to, &back), Err(JournalError::BadBackup { .. })));
    }

    #[test]
    fn copies_made_while_the_writers_work_are_consistent() {
        let mut node = node();
        let (data, log) = (node.data.clone(), node.log.clone());
        let root = data.root().to_owned();
        std::thread::scope(|scope| {
            let writer = scope.spawn(move || {
                let mut signed = SignedStateFile::open(&node.data.signed_state()).expect("opened");
                for round in 0..60_u32 {
                    let size =
                        node.journal.append(&entries(100 + round * 5..105 + round * 5)).expect("appended");
                    let root = node.journal.root_at(size).expect("a root");
                    signed.advance(&node.log, size, root).expect("signed");
                    let draft = PrivateRecord { kind: 1, body: round.to_string().into_bytes() };
                    node.private.append(std::slice::from_ref(&draft)).expect("appended");
                    node.private.compact([draft]).expect("compacted");
                }
                node
            });
            for round in 0.. {
                let done = writer.is_finished();
                let to = root.with_file_name(format!("backup-{round}"));
                match backup(&data, &to, false) {
                    // Snapshots can follow each other faster than a copy; then the copy says so.
                    Err(JournalError::Io { source, .. }) if source.kind() == io::ErrorKind::ResourceBusy => {}
                    copied => {
                        copied.expect("copied");
                        check(&to, &root.with_file_name(format!("back-{round}")), &log);
                    }
                }
                if done {
                    break;
                }
            }
            writer.join().expect("the writer")
        });
    }

    fn check(from: &Path, to: &Path, log: &LogId) {
        let back = DataDir::new(to);
        restore(from, &back).expect("restored");
        let signed = SignedStateFile::open(&back.signed_state()).expect("opened");
        let state = signed.last().expect("something was signed").state;
        let (journal, report) = LogJournal::open(&back.log(log), state.size).expect("opened");
        assert_eq!(report.damaged, []);
        let root: Hash = journal.root_at(state.size).expect("a root");
        assert_eq!(root, state.root);
        let (private, report) = PrivateJournal::open(&back.private()).expect("opened");
        assert_eq!(report.damaged, []);
        let mut records = 0;
        private.replay(|_, _| records += 1).expect("replayed");
        assert!(records > 0);
    }
}
