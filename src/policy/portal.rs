//! The portal: what a policy publishes about itself, and below which path.

use std::collections::HashMap;

use crate::publish::Documents;

use super::{HeaderName, Protocol};

#[derive(Debug)]
pub struct Portal {
    /// Without slashes at its ends. No API's path is equal to it, below it or above it.
    pub path: Box<str>,
    /// Those of the APIs: a key is not asked for where no API would take one.
    pub protocols: Vec<Protocol>,
    /// Every header in which some API takes a subscription key.
    pub key_headers: Vec<HeaderName>,
    pub documents: Documents,
    /// What subscriptions are called where their owners read it, by name.
    pub subscription_titles: HashMap<Box<str>, Box<str>>,
}
