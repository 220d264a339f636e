//! The portal's files. Envoy answers them by a route of its own for each, so that the filter holds
//! none of them.

/// The files, as routes and folder call them.
pub const ASSETS: [&str; 12] = [
    INDEX,
    USAGE,
    "answer.js",
    "console.js",
    "favicon.svg",
    "page.js",
    "portal.css",
    "portal.js",
    "snippets.js",
    "swagger-ui-bundle.js",
    "swagger-ui.css",
    "usage.js",
];

/// The page at the portal's path.
pub const INDEX: &str = "index.html";
/// The page at `usage`.
pub const USAGE: &str = "usage.html";
