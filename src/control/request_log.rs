//! Writes finished requests to a file, on a thread that may block. The queue is bounded; when the disk
//! cannot keep up, lines are dropped and counted, and requests go on.

use crate::gateway::RequestLogSink;
use crate::observe::Log;
use crate::observe::SharedCounter;
use crossbeam::channel::Receiver;
use crossbeam::channel::Sender;
use crossbeam::channel::bounded;
use std::fs::OpenOptions;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread::JoinHandle;

/// Lines waiting to be written.
const LINES_MAX: usize = 8192;
/// Of a file that is made: who asked what is nobody's business but the operator's, and with bodies all of it is there.
const FILE_MODE: u32 = 0o640;

/// The shards' end of the request log.
pub struct RequestLog {
    lines: Sender<Option<Vec<u8>>>,
    dropped: SharedCounter,
}

impl RequestLogSink for RequestLog {
    fn put(&self, line: Vec<u8>) {
        if self.lines.try_send(Some(line)).is_err() {
            self.dropped.add(1);
        }
    }
}

/// Ends the writer after everything queued was written.
pub struct Flush {
    lines: Sender<Option<Vec<u8>>>,
    writer: JoinHandle<()>,
}

impl Flush {
    /// Waits until the last line is on its way to the disk.
    pub fn finish(self) {
        let _ = self.lines.send(None);
        let _ = self.writer.join();
    }
}

/// Opens `path` for appending (`-` = standard output) and starts the writer.
pub fn open(path: &Path, dropped: SharedCounter, log: Log) -> io::Result<(RequestLog, Flush)> {
    let sink: Box<dyn Write + Send> = if path == Path::new("-") {
        Box::new(io::stdout())
    } else {
        Box::new(OpenOptions::new().create(true).append(true).mode(FILE_MODE).open(path)?)
    };
    let (sender, receiver) = bounded(LINES_MAX);
    let lost = dropped.clone();
    let writer = std::thread::Builder::new()
        .name("request-log".to_owned())
        .spawn(move || write(BufWriter::new(sink), &receiver, &lost, &log))?;
    Ok((RequestLog { lines: sender.clone(), dropped }, Flush { lines: sender, writer }))
}

/// Writes in batches: flushed whenever the queue is empty.
fn write(
    mut sink: BufWriter<Box<dyn Write + Send>>,
    lines: &Receiver<Option<Vec<u8>>>,
    lost: &SharedCounter,
    log: &Log,
) {
    let mut healthy = true;
    while let Ok(Some(line)) = lines.recv() {
        let mut written = sink.write_all(&line);
        if lines.is_empty() {
            written = written.and_then(|()| sink.flush());
        }
        match written {
            Ok(()) => healthy = true,
            Err(error) => {
                lost.add(1);
                if std::mem::replace(&mut healthy, false) {
                    log.error("the request log cannot be written; requests go on", &[("error", &error)]);
                }
            }
        }
    }
    let _ = sink.flush();
}
