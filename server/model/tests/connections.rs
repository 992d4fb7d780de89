//! Ways to a server other than plain TCP: a socket of this machine, and TLS with a certificate of one's own.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;

use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};
use seed_model::{Message, Provider, Request};

/// Reads one question, and answers it with `Yes`.
fn answer_one(mut stream: impl Read + Write) {
    let mut reader = BufReader::new(&mut stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    drop(reader);
    let events = "data: {\"choices\":[{\"delta\":{\"content\":\"Yes\"}}]}\n\ndata: [DONE]\n\n";
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {}\r\n\r\n", events.len());
    stream.write_all(format!("{head}{events}").as_bytes()).unwrap();
}

fn provider(text: &str) -> Provider {
    seed_model::config::read(Path::new("model.yaml"), text).unwrap().provider(None).unwrap().unwrap()
}

async fn ask(provider: &Provider) -> Result<String, String> {
    let request = Request::new(vec![Message::user("Yes?")]);
    provider.ask(&request, |_| {}).await.map(|reply| reply.text).map_err(|trouble| trouble.to_string())
}

#[tokio::test]
async fn a_socket_of_this_machine_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("model.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let server = std::thread::spawn(move || answer_one(listener.accept().unwrap().0));
    let provider = provider(&format!("models: {{it: {{provider: openai, endpoint: \"unix:{}\", model: m}}}}", socket.display()));
    assert!(provider.endpoint().is_local());
    assert_eq!(ask(&provider).await.as_deref(), Ok("Yes"));
    server.join().unwrap();
}

/// A certificate for 127.0.0.1 that signs itself, and its key.
fn certificate() -> (X509, PKey<Private>) {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "a test").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    let names = SubjectAlternativeName::new().ip("127.0.0.1").build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    (builder.build(), key)
}

#[tokio::test]
async fn a_certificate_of_ones_own_is_trusted_where_it_is_named_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, certificate.to_pem().unwrap()).unwrap();
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_certificate(&certificate).unwrap();
    acceptor.set_private_key(&key).unwrap();
    let acceptor = acceptor.build();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        // The first gives up when it sees the certificate.
        let refused = acceptor.accept(listener.accept().unwrap().0).is_err();
        answer_one(acceptor.accept(listener.accept().unwrap().0).unwrap());
        refused
    });
    let model = format!("models: {{it: {{provider: openai, endpoint: \"https://127.0.0.1:{port}/v1\", model: m}}}}");
    let said = ask(&provider(&model)).await.unwrap_err();
    assert!(said.contains("certificate"), "{said}");
    let trusting = provider(&format!("ca: {}\n{model}", ca.display()));
    assert_eq!(ask(&trusting).await.as_deref(), Ok("Yes"));
    assert!(server.join().unwrap());
}
