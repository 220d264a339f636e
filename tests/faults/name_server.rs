//! A DNS server on loopback for one name: it knows it or not, or says nothing.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    NoSuchName,
    Loopback,
    Nothing,
    /// The server is to end.
    Goodbye,
}

pub(crate) struct NameServer {
    pub(crate) port: u16,
    says: Arc<Mutex<Says>>,
    thread: Option<JoinHandle<()>>,
}

impl NameServer {
    pub(crate) fn start(says: Says) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let port = socket.local_addr().as_ref().map(SocketAddr::port).unwrap();
        let says = Arc::new(Mutex::new(says));
        let said = Arc::clone(&says);
        let thread = thread::spawn(move || serve(&socket, &said));
        Self { port, says, thread: Some(thread) }
    }

    pub(crate) fn now_says(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.now_says(Says::Goodbye);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(socket: &UdpSocket, says: &Mutex<Says>) {
    let mut query = [0; 1500];
    loop {
        let received = socket.recv_from(&mut query);
        let says = *says.lock().unwrap();
        if says == Says::Goodbye {
            return;
        }
        if let (Ok((_, client)), Some(answer)) = (received, answer(&query, says)) {
            let _ = socket.send_to(&answer, client);
        }
    }
}

/// RFC 1035: the header of 12 bytes, the question, and for an A query the address.
fn answer(query: &[u8], says: Says) -> Option<Vec<u8>> {
    let name = query[12..].iter().position(|byte| *byte == 0)?;
    let end = 12 + name + 1 + 4;
    let is_a = query[end - 4..end - 2] == [0, 1];
    let (code, address) = match says {
        Says::NoSuchName => (3, false),
        Says::Loopback => (0, is_a),
        Says::Nothing | Says::Goodbye => return None,
    };
    // Response, recursion wanted and available; one question, perhaps one answer, nothing else.
    let counts = [0, 1, 0, u8::from(address), 0, 0, 0, 0];
    let mut answer = [&query[..2], &[0x81, 0x80 | code], &counts, &query[12..end]].concat();
    if address {
        // The question's name, A, IN, for one second, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}
