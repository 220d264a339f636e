//! A DNS server on loopback that knows no name, or says nothing.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Says {
    NoSuchName,
    Nothing,
}

pub(crate) struct NameServer {
    pub(crate) port: u16,
    asked: Arc<AtomicUsize>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NameServer {
    pub(crate) fn start(says: Says) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let port = socket.local_addr().unwrap().port();
        let (asked, stopping) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, stop) = (Arc::clone(&asked), Arc::clone(&stopping));
        let thread = thread::spawn(move || {
            let mut buffer = [0; 1500];
            while !stop.load(Ordering::SeqCst) {
                let Ok((length, peer)) = socket.recv_from(&mut buffer) else { continue };
                count.fetch_add(1, Ordering::SeqCst);
                if let Says::NoSuchName = says {
                    // The question back, as a response (QR) with NXDOMAIN (3).
                    buffer[2] |= 0x80;
                    buffer[3] = 0x83;
                    let _ = socket.send_to(&buffer[..length], peer);
                }
            }
        });
        Self { port, asked, stopping, thread: Some(thread) }
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
