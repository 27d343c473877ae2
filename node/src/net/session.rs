// SPDX-License-Identifier: EUPL-1.2
//! One framed stream: a 32-bit big-endian length, then the frame.
//!
//! Reading and writing are two tasks. A side that wrote everything before it read would block for ever once both
//! flow-control windows are full.

use std::time::Duration;

use concert_protocol::member::MemberId;
use concert_protocol::sync::FRAME_LEN_MAX;
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::Stream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{NetEvent, OUTBOX_MAX};

/// A peer sends a summary every half minute; three missed ones are a dead connection.
const SILENCE_MAX: Duration = Duration::from_secs(100);
/// One frame of the largest size takes 33 s at 256 kbit/s.
const WRITE_MAX: Duration = Duration::from_secs(90);
/// Memory is taken in steps of this size as bytes arrive, whatever length was announced.
const READ_STEP: usize = 64 * 1024;

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionEnd {
    #[error("the connection closed: {0}")]
    Io(#[from] std::io::Error),
    #[error("nothing was heard or could be written in time")]
    Timeout,
    #[error("a frame of {0} bytes was announced; at most {FRAME_LEN_MAX} are allowed")]
    TooLong(u32),
    #[error("this node is stopping")]
    Stopping,
}

/// Serves `stream` until it ends; frames go to `events`, and come from the returned outbox's receiver.
pub(super) async fn serve(
    from: MemberId,
    stream: Stream,
    outbox: mpsc::Receiver<Vec<u8>>,
    events: mpsc::Sender<NetEvent>,
) -> SessionEnd {
    let (reader, writer) = stream.split();
    tokio::select! {
        end = read(from, reader, events) => end,
        end = write(writer, outbox) => end,
    }
}

/// A fresh outbox.
pub(super) fn outbox() -> (mpsc::Sender<Vec<u8>>, mpsc::Receiver<Vec<u8>>) {
    mpsc::channel(OUTBOX_MAX)
}

async fn read(
    from: MemberId,
    mut reader: futures::io::ReadHalf<Stream>,
    events: mpsc::Sender<NetEvent>,
) -> SessionEnd {
    loop {
        let bytes = match timeout(SILENCE_MAX, read_frame(&mut reader)).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(end)) => return end,
            Err(_) => return SessionEnd::Timeout,
        };
        // Waiting here slows this peer alone; the engine never waits for a peer, so nothing can go round in a circle.
        if events.send(NetEvent::Frame { from: from.clone(), bytes }).await.is_err() {
            return SessionEnd::Stopping;
        }
    }
}

async fn read_frame(reader: &mut futures::io::ReadHalf<Stream>) -> Result<Vec<u8>, SessionEnd> {
    let mut length = [0; 4];
    reader.read_exact(&mut length).await?;
    let announced = u32::from_be_bytes(length);
    let length = usize::try_from(announced).unwrap_or(usize::MAX);
    if length > FRAME_LEN_MAX {
        return Err(SessionEnd::TooLong(announced));
    }
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let start = bytes.len();
        bytes.resize(length.min(start + READ_STEP), 0);
        reader.read_exact(&mut bytes[start..]).await?;
    }
    Ok(bytes)
}

async fn write(
    mut writer: futures::io::WriteHalf<Stream>,
    mut outbox: mpsc::Receiver<Vec<u8>>,
) -> SessionEnd {
    while let Some(frame) = outbox.recv().await {
        match timeout(WRITE_MAX, write_frame(&mut writer, &frame, outbox.is_empty())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return SessionEnd::Io(error),
            Err(_) => return SessionEnd::Timeout,
        }
    }
    SessionEnd::Stopping
}

async fn write_frame(
    writer: &mut futures::io::WriteHalf<Stream>,
    frame: &[u8],
    last: bool,
) -> std::io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(|_| std::io::ErrorKind::InvalidInput)?;
    writer.write_all(&length.to_be_bytes()).await?;
    writer.write_all(frame).await?;
    if last { writer.flush().await } else { Ok(()) }
}
