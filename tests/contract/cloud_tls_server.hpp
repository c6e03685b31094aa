// Runs cloud_tls_server.py for the life of a test suite.
#pragma once

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX wants it declared here

namespace gald::contract {

class TlsServer {
 public:
  TlsServer() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gald-tls-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error("no temporary directory");
    directory_ = pattern;
    int ends[2];
    if (pipe(ends) != 0)
      throw std::runtime_error("no pipe");
    // Not from __FILE__, which ccache may have made relative.
    std::string script = GALD_SOURCE_DIR "/tests/contract/cloud_tls_server.py";
    std::string python = "python3";
    char* arguments[] = {python.data(), script.data(), pattern.data(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], 0);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    const int failed = posix_spawnp(&child_, python.c_str(), &actions, nullptr, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    lifeline_ = ends[1];
    if (failed != 0)
      throw std::runtime_error("python3 cannot be started");
    for (int i = 0; i < 400 && !std::filesystem::exists(directory_ / "ports"); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    std::ifstream in(directory_ / "ports");
    std::string name;
    for (int port = 0; in >> name >> port;)
      ports_[name] = port;
    if (ports_.empty())
      throw std::runtime_error("cloud_tls_server.py did not start");
  }

  ~TlsServer() {
    close(lifeline_);
    waitpid(child_, nullptr, 0);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  std::filesystem::path ca_file() const { return directory_ / "ca.pem"; }

  /// The content of a file that the server made: "app.pem" and "app.key" are an RSA pair.
  std::string file(const std::string& name) const {
    std::ifstream in(directory_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  bool has(const std::string& name) const { return ports_.contains(name); }

  std::string origin(const std::string& name = "server",
                     const std::string& host = "localhost") const {
    return "https://" + host + ":" + std::to_string(ports_.at(name));
  }

  std::string plain_origin(const std::string& name = "plain",
                           const std::string& host = "127.0.0.1") const {
    return "http://" + host + ":" + std::to_string(ports_.at(name));
  }

  /// How the proxy behaves, until forget(): see cloud_tls_server.py.
  void set_proxy(const std::string& mode) { std::ofstream(directory_ / "proxy") << mode; }

  /// The next request for a path that is not built in gets this answer.
  void script(const std::string& status_and_headers, const std::string& body) {
    char name[16];
    std::snprintf(name, sizeof name, "%06d", ++scripted_);
    write(directory_ / "answers" / name, status_and_headers, body);
  }

  /// Every request for a token gets this answer, until forget().
  void script_token(const std::string& status_and_headers, const std::string& body) {
    write(directory_ / "token", status_and_headers, body);
  }

  void forget() {
    std::filesystem::remove(directory_ / "token");
    std::filesystem::remove(directory_ / "requests");
    std::filesystem::remove(directory_ / "proxy");
    for (const auto& left : std::filesystem::directory_iterator(directory_ / "answers"))
      std::filesystem::remove(left);
  }

  /// All requests since forget(), as they came.
  std::string requests() const {
    std::ifstream in(directory_ / "requests", std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  int count(const std::string& what) const {
    const std::string all = requests();
    int found = 0;
    for (auto at = all.find(what); at != std::string::npos; at = all.find(what, at + 1))
      ++found;
    return found;
  }

 private:
  static void write(const std::filesystem::path& path, const std::string& head,
                    const std::string& body) {
    std::ofstream out(path, std::ios::binary);
    out << "HTTP/1.1 " << head << "\r\nContent-Length: " << body.size() << "\r\n\r\n" << body;
  }

  std::filesystem::path directory_;
  std::map<std::string, int> ports_;
  pid_t child_ = 0;
  int lifeline_ = -1;
  int scripted_ = 0;
};

/// One server for all tests of a suite.
class TlsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<TlsServer>(); }

  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override { server_->forget(); }

  static TlsServer& server() { return *server_; }

 private:
  static inline std::unique_ptr<TlsServer> server_;
};

}  // namespace gald::contract
