//! A plaintext backend that answers in bytes, also what no HTTP library would send, and that can be
//! silent, late, or reset the connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, sleep};

use crate::process::TICK;

/// What a request is answered. The bytes go out as they are, and the connection stays open.
#[derive(Clone, Debug)]
pub enum Answer {
    Now(Vec<u8>),
    /// First bytes at once, the rest when [`RawBackend::release`] was called.
    Held(Vec<u8>, Vec<u8>),
    /// The bytes at once, and when [`RawBackend::release`] was called a TCP reset.
    Reset(Vec<u8>),
}

/// Given the request's head, from the request line to the empty line.
pub type Script = dyn Fn(&str) -> Answer + Send + Sync;

/// A running backend on 127.0.0.1; it stops when dropped.
pub struct RawBackend {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    heads: Mutex<Vec<String>>,
    /// Connections that the other side closed while an answer was held.
    abandoned: AtomicUsize,
    released: AtomicBool,
    stopping: AtomicBool,
    script: Box<Script>,
}

impl RawBackend {
    pub fn start(script: impl Fn(&str) -> Answer + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            heads: Mutex::default(),
            abandoned: AtomicUsize::new(0),
            released: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            script: Box::new(script),
        });
        let accepting = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("raw-backend".into())
            .spawn(move || accept(&listener, &accepting))?;
        Ok(Self { port, shared, thread: Some(thread) })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The heads of the requests so far, in the order in which they came.
    pub fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many requests were given up by the other side while their answer was held.
    pub fn abandoned(&self) -> usize {
        self.shared.abandoned.load(Ordering::SeqCst)
    }

    /// Lets held answers and resets happen, now and from now on.
    pub fn release(&self) {
        self.shared.released.store(true, Ordering::SeqCst);
    }
}

impl Drop for RawBackend {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    thread::scope(|scope| {
        for stream in listener.incoming() {
            if shared.stopping.load(Ordering::SeqCst) {
                return;
            }
            // What ends a connection early is what the test is about.
            if let Ok(stream) = stream {
                scope.spawn(|| serve(stream, shared));
            }
        }
    });
}

fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // So that a wait sees that the test is over.
    stream.set_read_timeout(Some(TICK))?;
    while let Some(head) = peek_head(&stream, shared)? {
        let answer = (shared.script)(&head);
        shared.heads.lock().unwrap_or_else(PoisonError::into_inner).push(head.clone());
        match answer {
            Answer::Now(bytes) => {
                read_request(&mut stream, &head)?;
                stream.write_all(&bytes)?;
            }
            Answer::Held(first, rest) => {
                read_request(&mut stream, &head)?;
                stream.write_all(&first)?;
                if !wait_for_release(&stream, shared) {
                    return Ok(());
                }
                stream.write_all(&rest)?;
            }
            Answer::Reset(bytes) => {
                stream.write_all(&bytes)?;
                while !shared.released.load(Ordering::SeqCst) && !stopping(shared) {
                    sleep(TICK);
                }
                // A socket that is closed with unread bytes in it resets: the request is still there.
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Leaves the request in the socket. None: the other side closed, or the test is over.
fn peek_head(stream: &TcpStream, shared: &Shared) -> io::Result<Option<String>> {
    let mut buffer = vec![0; 128 * 1024];
    while !stopping(shared) {
        match stream.peek(&mut buffer) {
            Ok(0) => return Ok(None),
            Ok(count) => {
                let text = String::from_utf8_lossy(&buffer[..count]);
                if let Some(end) = text.find("\r\n\r\n") {
                    return Ok(Some(text[..end + 4].to_owned()));
                }
                // A part of a head: peek would return it again at once.
                sleep(TICK);
            }
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn read_request(stream: &mut TcpStream, head: &str) -> io::Result<()> {
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let mut left = head.len() + length.unwrap_or(0);
    let mut buffer = vec![0; 64 * 1024];
    while left > 0 {
        let most = left.min(buffer.len());
        match stream.read(&mut buffer[..most]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => left -= count,
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// False: the other side closed, or the test is over.
fn wait_for_release(stream: &TcpStream, shared: &Shared) -> bool {
    while !shared.released.load(Ordering::SeqCst) {
        if stopping(shared) {
            return false;
        }
        match stream.peek(&mut [0]) {
            Err(error) if is_timeout(&error) => {}
            // A request behind this one: not for a wait to judge.
            Ok(1..) => sleep(TICK),
            Ok(0) | Err(_) => {
                shared.abandoned.fetch_add(1, Ordering::SeqCst);
                return false;
            }
        }
    }
    true
}

fn stopping(shared: &Shared) -> bool {
    shared.stopping.load(Ordering::SeqCst)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
