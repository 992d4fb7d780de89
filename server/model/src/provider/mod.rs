//! A model that can be asked.

mod answer;
mod embed;
mod retry;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use seed_role::Trouble;
use seed_role::host::folder;
use seed_role::trouble::Result;

use crate::config::{CONTEXT, Entry, MAX_TOKENS, MOST_RETRIES, Timeouts};
use crate::dialect::{Dialect, Settings, Structured};
use crate::endpoint::Endpoint;
use crate::key::{Key, KeySource};
use crate::mask::Masker;
use crate::message::{Event, Finish, Request, Usage};
use crate::tokens::Prices;

/// Longer than this, in bytes, no file of certificates is.
const LONGEST_CA: u64 = 16 << 20;

/// What comes of a question, piece by piece. Dropping it closes the connection.
pub type Answer = Pin<Box<dyn Stream<Item = Result<Event>> + Send>>;

/// How a pause between two attempts is made.
pub type Pause = Arc<dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A model that can be asked.
#[derive(Clone)]
pub struct Provider {
    name: String,
    dialect: Dialect,
    endpoint: Endpoint,
    model: String,
    key: Option<KeySource>,
    context: Option<u32>,
    max_tokens: u32,
    temperature: Option<f32>,
    prices: Option<Prices>,
    structured: Structured,
    timeouts: Timeouts,
    retries: u32,
    client: reqwest::Client,
    pause: Pause,
    masker: Masker,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Provider({})", self.words())
    }
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// What the model said.
    pub text: String,
    /// What was counted.
    pub usage: Usage,
    /// Why it ended.
    pub finish: Finish,
}

impl Provider {
    /// A model as it is configured.
    ///
    /// # Errors
    ///
    /// When it cannot be asked so, with the key of the configuration that is to be changed.
    pub(crate) fn new(name: &str, entry: &Entry, ca: Option<&Path>, proxy: Option<&str>) -> Result<Provider> {
        let refuse = |came_back: String| Trouble::new("", came_back);
        let endpoint = match &entry.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => Endpoint::parse(entry.provider.endpoint()).map_err(refuse)?,
        };
        if entry.key.is_some() && endpoint.is_readable_by_others() && !entry.plain_http {
            return Err(refuse(format!("its key would go to {endpoint} readable for anyone on the way"))
                .hint("use https://, or write `plain_http: true` if the network between is yours"));
        }
        Ok(Provider {
            name: name.into(),
            dialect: entry.provider,
            client: client(&endpoint, &entry.timeouts, ca, proxy)?,
            endpoint,
            model: entry.model.clone(),
            key: entry.key.clone(),
            context: entry.context,
            max_tokens: entry.max_tokens.unwrap_or(MAX_TOKENS),
            temperature: entry.temperature,
            prices: entry.prices.clone(),
            structured: entry.structured,
            timeouts: entry.timeouts.clone(),
            retries: entry.retries.unwrap_or(MOST_RETRIES).min(MOST_RETRIES),
            pause: Arc::new(|time| Box::pin(tokio::time::sleep(time))),
            masker: Masker::default(),
        })
    }

    /// The same, with other pauses between attempts: tests do not wait.
    #[must_use]
    pub fn with_pause(self, pause: Pause) -> Self {
        Provider { pause, ..self }
    }

    /// The same, with a masker that knows more secrets.
    #[must_use]
    pub fn with_masker(self, masker: Masker) -> Self {
        Provider { masker, ..self }
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it speaks.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Where it is asked.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The provider's name of the model.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Where its key is to be had.
    pub fn key(&self) -> Option<&KeySource> {
        self.key.as_ref()
    }

    /// How many tokens it holds, question and answer together.
    pub fn context(&self) -> u32 {
        self.context.unwrap_or(CONTEXT)
    }

    /// The longest answer, in tokens.
    pub fn max_tokens(&self) -> u32 {
        self.max_tokens
    }

    /// What an answer cost and in which currency; none if the user has configured no prices, or not all was counted.
    pub fn cost(&self, usage: Usage) -> Option<(f64, &str)> {
        let prices = self.prices.as_ref()?;
        Some((prices.cost(usage)?, &prices.currency))
    }

    /// In words, such as `local (qwen2.5-coder at http://127.0.0.1:8080/v1)`.
    pub fn words(&self) -> String {
        format!("{} ({} at {})", self.name, self.model, self.endpoint)
    }

    /// What would be sent: the request with its secrets masked.
    pub fn masked(&self, request: &Request) -> (Request, Vec<crate::mask::Found>) {
        self.masker.request(request)
    }

    /// Asks, and streams the answer. Nothing is sent before the stream is polled, and nothing after it is dropped. Secrets are masked
    /// here, whatever the caller did.
    ///
    /// Errors come as items, and end the stream: what was attempted, what the provider or the network said, and what to do.
    pub fn stream(&self, request: &Request) -> Answer {
        let (request, _) = self.masked(request);
        let state = answer::State::new(self.clone(), request);
        Box::pin(futures_util::stream::unfold(state, |mut state| async move {
            let item = state.next().await?;
            Some((item, state))
        }))
    }

    /// Asks, tells each event as it comes, and gives the whole answer.
    ///
    /// # Errors
    ///
    /// As [`stream`](Self::stream).
    pub async fn ask(&self, request: &Request, mut tell: impl FnMut(&Event)) -> Result<Reply> {
        let mut reply = Reply { text: String::new(), usage: Usage::default(), finish: Finish::Unsaid };
        let mut answer = self.stream(request);
        while let Some(event) = answer.next().await {
            let event = event?;
            tell(&event);
            match event {
                Event::Text(text) => reply.text += &text,
                Event::Usage(usage) => reply.usage = usage,
                Event::Retry { .. } => {}
                Event::Done(finish) => reply.finish = finish,
            }
        }
        Ok(reply)
    }

    fn settings(&self, request: &Request) -> Settings<'_> {
        Settings {
            model: &self.model,
            max_tokens: request.max_tokens.unwrap_or(self.max_tokens),
            temperature: request.temperature.or(self.temperature),
            context: self.context,
            structured: self.structured,
            is_openai_itself: self.endpoint.host() == "api.openai.com",
        }
    }

    fn attempt(&self) -> String {
        format!("ask {}", self.words())
    }

    /// The request as it goes out.
    fn outgoing(&self, request: &Request, key: Option<&Key>) -> Result<reqwest::RequestBuilder> {
        let body = self.dialect.body(request, &self.settings(request)).to_string();
        let headers = self.dialect.headers(key).map_err(|words| Trouble::new(self.attempt(), words))?;
        let post = self.client.post(self.endpoint.join(self.dialect.path()));
        Ok(post.headers(headers).header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body))
    }
}

/// The client of an endpoint.
fn client(endpoint: &Endpoint, timeouts: &Timeouts, ca: Option<&Path>, proxy: Option<&str>) -> Result<reqwest::Client> {
    let refuse = |came_back: String| Trouble::new("", came_back);
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("seed/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(timeouts.connect)
        // What was agreed to is this endpoint, and no other that it names.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        // An answer is one connection: none is kept open behind the user's back.
        .pool_max_idle_per_host(0);
    if endpoint.is_local() {
        // A proxy would take it away from this machine.
        builder = builder.no_proxy();
    } else if let Some(proxy) = proxy {
        let proxy = reqwest::Proxy::all(proxy).map_err(|error| refuse(format!("`proxy` is no proxy: {}", plain(&error))))?;
        builder = builder.proxy(proxy.no_proxy(reqwest::NoProxy::from_env()));
    }
    if let Some(socket) = endpoint.socket() {
        builder = builder.unix_socket(socket.to_path_buf());
    }
    if let Some(ca) = ca {
        let read = || -> Result<Vec<reqwest::Certificate>, String> {
            let bytes = folder::read(ca, LONGEST_CA).map_err(|trouble| trouble.came_back)?.ok_or("there is no such file")?;
            let found = reqwest::Certificate::from_pem_bundle(&bytes).map_err(|error| plain(&error))?;
            if found.is_empty() { Err("it holds no certificate".into()) } else { Ok(found) }
        };
        let certificates = read().map_err(|said| refuse(format!("`ca` cannot be read from {}: {said}", ca.display())))?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| refuse(format!("no connection can be prepared: {}", plain(&error))))
}

/// The innermost words of an error of the network, without the address.
fn plain(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    // An error that has no source would say its address too.
    if std::ptr::addr_eq(std::ptr::from_ref(inner), std::ptr::from_ref(error)) {
        return error.to_string().split(" for url").next().unwrap_or_default().to_owned();
    }
    inner.to_string()
}
