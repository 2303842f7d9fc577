//! What opens a repository, as the store keeps it sealed.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use windlass_git::{ClientCertificate, Credentials, Proxy, Repository};
use windlass_store::{RepositorySettings, Secret};
use zeroize::Zeroizing;

/// Everything about a repository that is secret. Neither `Debug` nor `Serialize`.
#[derive(Default)]
pub struct Access {
    /// What requests show.
    pub credentials: Option<Credentials>,
    /// What connections show.
    pub client_certificate: Option<ClientCertificate>,
    /// The proxy in between; its address is no secret, the user and password that it asks for are.
    pub proxy: Option<Proxy>,
}

/// How it is written into [`windlass_store::NewRepository::credentials`]; it is never stored or sent unsealed. What an earlier build wrote (`basic` or
/// `bearer` alone) is read.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Encoded<T> {
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    basic: Option<Basic<T>>,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    bearer: Option<Bearer<T>>,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    client_certificate: Option<Certificate<T>>,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    proxy: Option<ProxyUser<T>>,
}

#[derive(Serialize, Deserialize)]
struct Basic<T> {
    username: T,
    password: T,
}

#[derive(Serialize, Deserialize)]
struct Bearer<T> {
    token: T,
}

#[derive(Serialize, Deserialize)]
struct Certificate<T> {
    chain: T,
    key: T,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProxyUser<T> {
    address: T,
    no_proxy: T,
    username: T,
    password: T,
}

// === impl Access ===

impl Access {
    /// The bytes that the store keeps, sealed; `None` where there is no secret. `settings` holds what is none.
    pub fn encode(&self, settings: &RepositorySettings) -> Option<Secret> {
        let mut encoded = Encoded { basic: None, bearer: None, client_certificate: None, proxy: None };
        match &self.credentials {
            Some(Credentials::Basic { username, password }) => {
                encoded.basic = Some(Basic { username: username.as_str(), password: password.expose_secret() });
            }
            Some(Credentials::Bearer { token }) => encoded.bearer = Some(Bearer { token: token.expose_secret() }),
            // A kind that this module does not know yet: reading it back fails, and says so on the application.
            Some(_) => return Some(Secret::new(Vec::new())),
            None => {}
        }
        if let Some(certificate) = &self.client_certificate {
            let (chain, key) = (certificate.chain(), certificate.key().expose_secret());
            encoded.client_certificate = Some(Certificate { chain, key });
        }
        if let Some((proxy, (username, password))) = self.proxy.as_ref().and_then(|proxy| Some((proxy, proxy.user()?)))
        {
            let (address, no_proxy, password) = (proxy.address(), settings.no_proxy.as_str(), password.expose_secret());
            encoded.proxy = Some(ProxyUser { address, no_proxy, username, password });
        }
        let none = encoded.basic.is_none() && encoded.bearer.is_none();
        if none && encoded.client_certificate.is_none() && encoded.proxy.is_none() {
            return None;
        }
        // Texts can always be written. Were they not, reading nothing back would fail, and say so on the application.
        Some(Secret::new(serde_json::to_vec(&encoded).unwrap_or_default()))
    }

    /// Reads [`encode`](Self::encode) back; `None` for what it did not write.
    pub fn decode(secret: &Secret) -> Option<Self> {
        // Wiped when dropped: the texts borrow nothing, escapes may be in them.
        let encoded: Encoded<Text> = serde_json::from_slice(secret.expose()).ok()?;
        let credentials = match (&encoded.basic, &encoded.bearer) {
            (Some(basic), _) => Some(Credentials::basic(basic.username.copy(), basic.password.copy())),
            (None, Some(bearer)) => Some(Credentials::bearer(bearer.token.copy())),
            (None, None) => None,
        };
        let certificate = |pair: &Certificate<Text>| ClientCertificate::parse(&pair.chain.0, &pair.key.0);
        let client_certificate = encoded.client_certificate.as_ref().map(certificate).transpose().ok()?;
        let proxy = |user: &ProxyUser<Text>| {
            let proxy = Proxy::parse(&user.address.0, &user.no_proxy.0);
            proxy.map(|proxy| proxy.with_user(user.username.copy(), SecretString::from(user.password.copy())))
        };
        let proxy = encoded.proxy.as_ref().map(proxy).transpose().ok()?;
        Some(Self { credentials, client_certificate, proxy })
    }

    /// The repository, with this.
    pub(super) fn open(self, mut repository: Repository) -> Repository {
        if let Some(credentials) = self.credentials {
            repository = repository.with_credentials(credentials);
        }
        if let Some(certificate) = self.client_certificate {
            repository = repository.with_client_certificate(certificate);
        }
        match self.proxy {
            Some(proxy) => repository.through(proxy),
            None => repository,
        }
    }
}

/// A text that is wiped when dropped.
struct Text(Zeroizing<String>);

impl Text {
    fn copy(&self) -> String {
        self.0.as_str().to_owned()
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

fn none<T>() -> Option<T> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_build_sealed_is_read() {
        let old = Secret::new(br#"{"basic":{"username":"me","password":"hunter2"}}"#.to_vec());
        let access = Access::decode(&old).expect("read");
        let Some(Credentials::Basic { username, password }) = access.credentials else { panic!("basic") };
        assert_eq!((username.as_str(), password.expose_secret()), ("me", "hunter2"));
        let old = Secret::new(br#"{"bearer":{"token":"t"}}"#.to_vec());
        assert!(matches!(Access::decode(&old).expect("read").credentials, Some(Credentials::Bearer { .. })));
        assert!(Access::decode(&Secret::new(Vec::new())).is_none());
    }

    #[test]
    fn a_proxy_without_a_user_is_no_secret() {
        let proxy = Some(Proxy::parse("http://proxy:3128", "").expect("a proxy"));
        assert!(Access { proxy, ..Access::default() }.encode(&RepositorySettings::default()).is_none());
    }

    #[test]
    fn all_of_it_comes_back() {
        let settings = RepositorySettings { no_proxy: "direct.example".into(), ..RepositorySettings::default() };
        let proxy = Proxy::parse("http://me:hunter2@proxy:3128", &settings.no_proxy).expect("a proxy");
        let access =
            Access { proxy: Some(proxy), credentials: Some(Credentials::bearer("t")), client_certificate: None };
        let back = Access::decode(&access.encode(&settings).expect("a secret")).expect("read");
        let proxy = back.proxy.expect("a proxy");
        let user = proxy.user().map(|(name, password)| (name.to_owned(), password.expose_secret().to_owned()));
        assert_eq!((proxy.address(), user), ("http://proxy:3128", Some(("me".into(), "hunter2".into()))));
        assert!(matches!(back.credentials, Some(Credentials::Bearer { .. })));
    }
}
