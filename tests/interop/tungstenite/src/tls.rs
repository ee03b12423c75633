//! TLS as --tls= asks for it: CERTIFICATE,KEY,CA,VERSION, each of which may be empty.

use std::error::Error;
use std::net::TcpStream;

use openssl::error::ErrorStack;
use openssl::ssl::{
    SslAcceptor, SslConnector, SslContextBuilder, SslFiletype, SslMethod, SslStream, SslVerifyMode,
    SslVersion,
};

pub struct Tls {
    fields: Vec<String>,
}

impl Tls {
    pub fn new(settings: &str) -> Self {
        let mut fields: Vec<String> = settings.split(',').map(str::to_owned).collect();
        fields.resize(4, String::new());
        Self { fields }
    }

    fn set(
        &self,
        context: &mut SslContextBuilder,
        verify: SslVerifyMode,
    ) -> Result<(), ErrorStack> {
        let [certificate, key, ca, version] = &self.fields[..] else {
            return Ok(());
        };
        if !certificate.is_empty() {
            context.set_certificate_chain_file(certificate)?;
            context.set_private_key_file(key, SslFiletype::PEM)?;
        }
        context.set_verify(if ca.is_empty() {
            SslVerifyMode::NONE
        } else {
            verify
        });
        if !ca.is_empty() {
            context.set_ca_file(ca)?;
        }
        if version == "1.2" {
            context.set_max_proto_version(Some(SslVersion::TLS1_2))?;
        }
        Ok(())
    }

    pub fn accept(&self, stream: TcpStream) -> Result<SslStream<TcpStream>, Box<dyn Error>> {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
        self.set(
            &mut acceptor,
            SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT,
        )?;
        Ok(acceptor.build().accept(stream)?)
    }

    pub fn connect(
        &self,
        address: &str,
        stream: TcpStream,
    ) -> Result<SslStream<TcpStream>, Box<dyn Error>> {
        let mut connector = SslConnector::builder(SslMethod::tls_client())?;
        self.set(&mut connector, SslVerifyMode::PEER)?;
        let mut configuration = connector.build().configure()?;
        configuration.set_verify_hostname(!self.fields[2].is_empty());
        Ok(configuration.connect(address, stream)?)
    }
}
