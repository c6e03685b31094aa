// HttpServer with TLS, and with certificates of clients.
#include <fstream>
#include <thread>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "../unit/net_keys.hpp"
#include "http_server_fixture.hpp"

namespace gald::contract {
namespace {

/// A TLS connection over one of an HttpPeer.
class TlsPeer {
 public:
  struct Options {
    int version = TLS1_3_VERSION;
    std::filesystem::path certificate = {};  ///< with its key
  };

  TlsPeer(const std::string& address, const Options& options)
      : peer_(address), context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
    SSL_CTX_set_security_level(context_, 0);  // else OpenSSL refuses old versions by itself
    SSL_CTX_set_max_proto_version(context_, options.version);
    if (!options.certificate.empty()) {
      SSL_CTX_use_certificate_file(context_, options.certificate.c_str(), SSL_FILETYPE_PEM);
      SSL_CTX_use_PrivateKey_file(context_, options.certificate.c_str(), SSL_FILETYPE_PEM);
    }
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, peer_.descriptor());
    connected_ = SSL_connect(ssl_) == 1;
    ERR_clear_error();
  }

  ~TlsPeer() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }

  TlsPeer(const TlsPeer&) = delete;
  TlsPeer& operator=(const TlsPeer&) = delete;

  bool connected() const { return connected_; }

  /// Up to the end of a short answer with a length; empty when the connection ends before.
  std::string get(const std::string& target) {
    const std::string request = "GET " + target + " HTTP/1.1\r\nHost: gal.example.com\r\n\r\n";
    if (SSL_write(ssl_, request.data(), static_cast<int>(request.size())) <= 0)
      return {};
    std::string read;
    while (true) {
      const std::size_t end = read.find("\r\n\r\n");
      const std::size_t length = read.find("Content-Length: ");
      if (end != read.npos && length != read.npos &&
          read.size() >= end + 4 + std::stoul(read.substr(length + 16)))
        return read.substr(end + 4);
      char buffer[4096];
      const int got = SSL_read(ssl_, buffer, sizeof buffer);
      if (got <= 0)
        return {};
      read.append(buffer, static_cast<std::size_t>(got));
    }
  }

  /// Of the server, in hex.
  std::string certificate() const {
    X509* const shown = SSL_get1_peer_certificate(ssl_);
    if (shown == nullptr)
      return {};
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    X509_digest(shown, EVP_sha256(), digest, &size);
    X509_free(shown);
    std::string text;
    for (unsigned int i = 0; i < size; ++i) {
      char two[3];
      std::snprintf(two, sizeof two, "%02x", digest[i]);
      text += two;
    }
    return text;
  }

 private:
  HttpPeer peer_;
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  bool connected_ = false;
};

class HttpServerTlsTest : public HttpServerTest {
 protected:
  HttpServerTlsTest() {
    write("server.pem", std::string(test::kCertificate) + test::kPrivateKey);
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "
        "/CN=stranger -keyout stranger.key -out stranger.crt && cat stranger.crt stranger.key > "
        "stranger.pem");
    answers_.on("/who", [](const ServerRequest& request) {
      return text((request.peer.encrypted ? "encrypted " : "plain ") + request.peer.certificate);
    });
  }

  void write(const std::string& name, const std::string& content) const {
    std::ofstream(directory_.path() / name) << content;
  }

  void run(const std::string& command) const {
    const std::string whole =
        "cd " + directory_.path().string() + " && (" + command + ") >/dev/null 2>&1";
    ASSERT_EQ(std::system(whole.c_str()), 0) << command;
  }

  std::filesystem::path file(const std::string& name) const { return directory_.path() / name; }

  ServerOptions options() const {
    ServerOptions options;
    options.certificate_file = file("server.pem");
    return options;
  }
};

TEST_F(HttpServerTlsTest, SpeaksTls12AndNewerAndNothingElse) {
  const std::string address = start(options());
  for (const int version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
    TlsPeer peer(address, {.version = version});
    EXPECT_EQ(peer.get("/who"), "encrypted ") << version;
    EXPECT_EQ(peer.get("/x"), "GET /x ") << version;
  }
  EXPECT_FALSE(TlsPeer(address, {.version = TLS1_1_VERSION}).connected());
  HttpPeer plain(address);
  EXPECT_NE(plain.get("/who").status, 200);
}

TEST_F(HttpServerTlsTest, AUnixSocketBesideItStaysPlain) {
  ServerOptions both = options();
  both.listen = {"127.0.0.1:0", "unix:" + file("s").string()};
  start(both);
  HttpPeer peer(both.listen.back());
  EXPECT_EQ(peer.get("/who").body, "plain ");
}

TEST_F(HttpServerTlsTest, ALongBodyArrivesWhole) {
  answers_.on("/long", [](const ServerRequest&) { return text(std::string(3 << 20, 'x')); });
  TlsPeer peer(start(options()), {});
  EXPECT_EQ(peer.get("/long").size(), std::size_t{3} << 20);
}

TEST_F(HttpServerTlsTest, KnowsTheCertificateOfAClient) {
  ServerOptions wanted = options();
  wanted.client_ca_file = file("server.pem");  // signed by itself
  const std::string address = start(wanted);
  TlsPeer known(address, {.certificate = file("server.pem")});
  EXPECT_EQ(known.get("/who"), "encrypted " + known.certificate());
  EXPECT_EQ(known.certificate().size(), 64u);
  TlsPeer old(address, {.version = TLS1_2_VERSION, .certificate = file("server.pem")});
  EXPECT_EQ(old.get("/who"), "encrypted " + known.certificate());
  EXPECT_EQ(TlsPeer(address, {}).get("/who"), "encrypted ");
  EXPECT_EQ(TlsPeer(address, {.certificate = file("stranger.pem")}).get("/who"), "");
}

TEST_F(HttpServerTlsTest, WantsACertificateWhereOneIsRequired) {
  ServerOptions required = options();
  required.client_ca_file = file("server.pem");
  required.require_client_certificate = true;
  const std::string address = start(required);
  EXPECT_NE(TlsPeer(address, {.certificate = file("server.pem")}).get("/who"), "");
  EXPECT_EQ(TlsPeer(address, {}).get("/who"), "");
}

TEST_F(HttpServerTlsTest, ReadsACertificateAgainWhenItChanges) {
  ServerOptions reloading = options();
  reloading.certificate_interval = milliseconds(50);
  reloading.news_interval = milliseconds(50);
  const std::string address = start(reloading);
  const std::string first = TlsPeer(address, {}).certificate();
  write("server.pem", "half of a certificate");
  std::this_thread::sleep_for(milliseconds(300));
  EXPECT_EQ(TlsPeer(address, {}).certificate(), first) << "the one before stays";
  std::filesystem::rename(file("stranger.pem"), file("server.pem"));
  std::string now = first;
  for (int i = 0; i < 100 && now == first; ++i) {
    std::this_thread::sleep_for(milliseconds(50));
    now = TlsPeer(address, {}).certificate();
  }
  EXPECT_NE(now, first);
  EXPECT_EQ(now.size(), 64u);
}

TEST_F(HttpServerTlsTest, SaysWhatIsWrongWithTheFiles) {
  const auto problem = [&](ServerOptions wrong) {
    return net::certificate_problem(wrong).value_or("none");
  };
  EXPECT_EQ(problem(options()), "none");
  ServerOptions wrong = options();
  wrong.certificate_file = file("none.pem");
  EXPECT_TRUE(problem(wrong).starts_with(file("none.pem").string() + ": no certificate"))
      << problem(wrong);
  wrong = options();
  wrong.key_file = file("stranger.key");
  EXPECT_TRUE(problem(wrong).starts_with(file("stranger.key").string() +
                                         ": no private key of the certificate"))
      << problem(wrong);
  wrong = options();
  wrong.client_ca_file = file("stranger.key");
  EXPECT_TRUE(problem(wrong).starts_with(file("stranger.key").string() + ": no certificate"))
      << problem(wrong);
}

TEST_F(HttpServerTlsTest, AHandshakeIsNotWaitedForForever) {
  ServerOptions impatient = options();
  impatient.request_timeout = milliseconds(200);
  impatient.news_interval = milliseconds(50);
  HttpPeer silent(start(impatient));
  EXPECT_TRUE(silent.is_closed());
}

}  // namespace
}  // namespace gald::contract
