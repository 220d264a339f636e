//! Ports on 127.0.0.1 that nobody listens on.

use std::collections::HashSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{LazyLock, Mutex, PoisonError};

/// What this process gave out before: tests run in parallel, and Envoy binds with SO_REUSEPORT, so
/// two of them would share one port without an error.
static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A port that is free now and that this process did not give out before.
pub fn free_port() -> u16 {
    let [port] = free_ports();
    port
}

/// Several distinct free ports.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    std::array::from_fn(|_| {
        loop {
            let listener =
                TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on 127.0.0.1");
            let port = listener.local_addr().expect("the port of a bound listener").port();
            if given.insert(port) {
                return port;
            }
        }
    })
}

/// Whether somebody could listen on the port now.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_given_out_are_distinct() {
        let ports = free_ports::<32>();
        let distinct: HashSet<u16> = ports.into_iter().collect();
        assert_eq!(distinct.len(), 32);
        assert!(!distinct.contains(&free_port()));
    }

    #[test]
    fn a_port_with_a_listener_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(listener.local_addr().unwrap().port()));
    }
}
