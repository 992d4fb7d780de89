//! Where a model is asked: on this machine, or elsewhere.

use std::fmt;
use std::path::{Path, PathBuf};

use reqwest::Url;

/// Where a model is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
    socket: Option<PathBuf>,
}

impl Endpoint {
    /// Reads an address: `http://…`, `https://…`, or `unix:/PATH` for a socket.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words. A user or password in it is refused.
    pub fn parse(text: &str) -> Result<Endpoint, String> {
        if let Some(socket) = text.strip_prefix("unix:") {
            // `unix:/run/llama.sock:/v1`: behind the socket comes the path of the interface.
            let (socket, path) = socket.split_once(':').unwrap_or((socket, "/v1"));
            let socket = Path::new(socket.strip_prefix("//").unwrap_or(socket));
            if !socket.is_absolute() || !path.starts_with('/') {
                return Err(format!("`{text}` is not a socket: write unix:/PATH or unix:/PATH:/v1"));
            }
            let url =
                Url::parse(&format!("http://localhost{}/", path.trim_end_matches('/'))).map_err(|error| error.to_string())?;
            return Ok(Endpoint { url, socket: Some(socket.into()) });
        }
        let mut url = Url::parse(text).map_err(|error| format!("it is not an address ({error}): write https://HOST/v1"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it contains a user or password; use `key: {env: NAME}` instead".into());
        }
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("`{}` is not supported: write http://…, https://… or unix:/PATH", url.scheme()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("an endpoint ends with its path, without `?` or `#`".into());
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(Endpoint { url, socket: None })
    }

    /// Whether what is sent there stays on this machine: a loopback address, `localhost`, or a socket.
    pub fn is_local(&self) -> bool {
        use reqwest::Url as Address;
        fn is_loopback(url: &Address) -> bool {
            let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        self.socket.is_some() || is_loopback(&self.url)
    }

    /// Whether others on the way could read what is sent.
    pub fn is_readable_by_others(&self) -> bool {
        !self.is_local() && self.url.scheme() == "http"
    }

    /// The socket, if it is one.
    pub(crate) fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// The host's name, for what only holds of one provider.
    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The whole address of a path behind it.
    pub(crate) fn join(&self, path: &str) -> Url {
        // A relative path of ours behind an address that ends with `/` always joins.
        self.url.join(path).unwrap_or_else(|_| self.url.clone())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.socket {
            Some(socket) => write!(formatter, "unix:{}", socket.display()),
            None => formatter.write_str(self.url.as_str().trim_end_matches('/')),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_local_and_what_is_not() {
        for local in [
            "http://127.0.0.1:8080/v1",
            "http://127.9.9.9",
            "http://[::1]:1/v1",
            "http://localhost:11434",
            "unix:/run/llama.sock",
        ] {
            assert!(Endpoint::parse(local).unwrap().is_local(), "{local}");
        }
        for remote in [
            "https://api.openai.com/v1",
            "http://192.168.1.4:8080",
            "http://localhost.example.org",
            "http://127.0.0.1.example.org",
            "http://0.0.0.0:8080",
        ] {
            assert!(!Endpoint::parse(remote).unwrap().is_local(), "{remote}");
        }
    }

    #[test]
    fn what_cannot_be_an_endpoint_is_told() {
        for (wrong, words) in [
            ("api.openai.com/v1", "not an address"),
            ("ftp://x/", "not supported"),
            ("https://me:hunter2@x/v1", "key"),
            ("https://x/v1?key=1", "without `?`"),
            ("unix:llama.sock", "not a socket"),
        ] {
            let said = Endpoint::parse(wrong).unwrap_err();
            assert!(said.contains(words), "{wrong}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn the_path_is_kept() {
        let join = |text: &str| Endpoint::parse(text).unwrap().join("chat/completions").to_string();
        assert_eq!(join("https://openrouter.ai/api/v1"), "https://openrouter.ai/api/v1/chat/completions");
        assert_eq!(join("http://127.0.0.1:8080/v1/"), "http://127.0.0.1:8080/v1/chat/completions");
        assert_eq!(join("unix:/run/x.sock"), "http://localhost/v1/chat/completions");
    }
}
