#include "directory_bench.hpp"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <variant>

#include "ad/feed.hpp"
#include "ad/ldap.hpp"
#include "ad/mapping.hpp"
#include "ad/scope.hpp"
#include "index/index.hpp"

namespace gald::bench {

namespace {

constexpr const char* kBase = "dc=bench,dc=test";
constexpr const char* kReader = "cn=reader,dc=bench,dc=test";
constexpr std::size_t kPage = 500;  // as a round stages them

std::string content_of(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

ad::FeedRequest everything() {
  return {.naming_context = kBase,
          .filter = ad::class_filter({}),
          .attributes = ad::wanted_attributes(0),
          .extended_dns = false};
}

std::vector<std::string> ldapsearch(const DirectoryServer& server) {
  const ad::FeedRequest request = everything();
  std::vector<std::string> arguments = {"ldapsearch",
                                        "-x",
                                        "-LLL",
                                        "-H",
                                        server.url,
                                        "-D",
                                        kReader,
                                        "-y",
                                        server.directory / "password",
                                        "-b",
                                        kBase,
                                        "-E",
                                        "pr=" + std::to_string(ad::kPageLimit) + "/noprompt",
                                        request.filter};
  arguments.insert(arguments.end(), request.attributes.begin(), request.attributes.end());
  return arguments;
}

}  // namespace

void read_directory(const DirectoryServer& server, const std::filesystem::path& index_file) {
  std::signal(SIGPIPE, SIG_IGN);
  setenv("LDAPNOINIT", "1", 1);
  auto connection = ad::LdapConnection::open(
      {.url = server.url, .ca_file = server.directory / "cert.pem"},
      ad::SimpleLogin{kReader, base::Secret(content_of(server.directory / "password"))}, {});
  if (!connection)
    throw std::runtime_error(connection.error().what);
  const auto feed = ad::make_polling_feed(everything(), std::nullopt);
  ad::EntryMapper mapper({.naming_context = kBase, .way = ad::Way::polling});
  const base::SystemClock clock;
  const index::CollectionKey key{"ad", model::ConnectorKind::active_directory, "directory", "v1",
                                 false};
  std::unique_ptr<index::Index> index;
  if (!index_file.empty()) {
    index = std::make_unique<index::Index>(index_file, clock);
    index->position(key);
  }
  std::size_t changed = 0;
  for (bool complete = false; !complete;) {
    std::vector<model::Change> changes;
    changes.reserve(kPage);
    const auto step = feed->take(**connection, kPage,
                                 [&](const ad::Entry& entry) {
                                   ad::Mapped mapped = mapper.map(entry);
                                   if (auto* change = std::get_if<model::Change>(&mapped.outcome))
                                     changes.push_back(std::move(*change));
                                 },
                                 {});
    if (!step)
      throw std::runtime_error(step.error().what);
    if (step->refused)
      throw std::runtime_error(step->refused->text);
    complete = step->complete;
    changed += changes.size();
    if (index)
      index->apply(key, std::move(changes), {},
                   complete ? std::optional(model::Cursor{"end", ""}) : std::nullopt, complete);
  }
  if (changed < 1000)
    throw std::runtime_error("the directory gave next to nothing");
  if (index) {
    // the indexes that an import leaves to its end belong to it; publication is another matter
    std::stop_source at_once;
    at_once.request_stop();
    index->publish(index->begin_run(), {}, at_once.get_token());
  }
}

std::vector<Row> measure_directory(const DirectoryServer& server, const std::string& self,
                                   int rounds) {
  const std::vector<std::string> certificate = {
      "LDAPTLS_CACERT=" + (server.directory / "cert.pem").string(), "LDAPNOINIT="};
  const std::filesystem::path index_file = server.directory / "staged.db";
  const std::filesystem::path imported = server.directory / "imported.db";
  const auto remove = [](const std::filesystem::path& file) {
    for (const char* suffix : {"", "-wal", "-shm", "-journal"})
      std::filesystem::remove(file.string() + suffix);
  };
  const auto ours = [&](const std::filesystem::path& file) {
    return cost_of_program({self, "--read", server.url, server.directory, file});
  };

  std::vector<Cost> drained, read, staged, imports;
  for (int round = 0; round < rounds; ++round) {
    drained.push_back(cost_of_program(ldapsearch(server), {certificate.front()}));
    read.push_back(ours({}));
    remove(index_file);
    staged.push_back(ours(index_file));
    remove(imported);
    imports.push_back(cost_of_program(
        {"sqlite3", imported, content_of(server.directory / "columns.sql"), ".mode csv",
         ".import " + (server.directory / "entries.csv").string() + " entry"}));
  }
  remove(index_file);
  remove(imported);
  const Cost floor = cheapest(drained);
  const Cost reading = cheapest(read);
  const Cost staging = cheapest(staged);
  return {
      {"ad.read", "complete read of the directory / ldapsearch", reading.cpu_s / floor.cpu_s, 0.85,
       reading.cpu_s, reading.peak_rss_mib},
      {"ad.stage", "the same staged / ldapsearch and sqlite3 .import",
       staging.cpu_s / (floor.cpu_s + cheapest(imports).cpu_s), 1.0, staging.cpu_s,
       staging.peak_rss_mib},
      {"ad.memory", "the peak of its memory / 64 MiB", staging.peak_rss_mib / 64, 1.0,
       staging.cpu_s, staging.peak_rss_mib},
  };
}

}  // namespace gald::bench
