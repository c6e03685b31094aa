// Files of contacts over HTTP: the same bytes as those of `gald export`.
#include <csignal>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "api/problem.hpp"
#include "api/spool.hpp"
#include "api_fixture.hpp"
#include "commands.hpp"
#include "export/xlsx_check.hpp"

namespace gald::api {

namespace {

using index::search_world::gone;
using index::search_world::named;
using world::group;
using world::header;
using world::json;
using world::text_of;

const std::string kExport = "/api/identity/contacts/export";

class ApiExports : public world::ApiTest {
 protected:
  ApiExports() {
    apply({named(1, "Anna", "Berg"), named(2, "Carl", "=Dahl"), named(3, "Eva", "Falk"),
           group(1000, "Sales", {test::anchor(1), test::anchor(2)})});
    publish();
    apply({gone(3)});
    publish();
  }

  std::filesystem::path exported(daemon::ExportCommand command) const {
    daemon::Config config;
    config.index_file = file();
    command.output = place_.path() / "exported";
    EXPECT_EQ(daemon::execute(command, {config}), daemon::exit_code::kComplete);
    return command.output;
  }

  std::string bytes_of(const std::filesystem::path& path) const {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }

  /// Enough that a file is needed.
  void fill() {
    std::vector<model::Change> people;
    for (int number = 10; number < 1200; ++number)
      people.push_back(named(number, "Anna", std::string(300, 'x') + std::to_string(number)));
    apply(std::move(people));
    publish();
  }
};

TEST_F(ApiExports, AreThoseOfTheCommandLineByteForByte) {
  using Format = exporting::Format;
  for (const auto& [name, format] : std::map<std::string, Format>{{"csv", Format::csv},
                                                                  {"vcf", Format::vcf},
                                                                  {"vcf3", Format::vcf3},
                                                                  {"jsonl", Format::jsonl},
                                                                  {"ldif", Format::ldif}}) {
    daemon::ExportCommand command;
    command.format = format;
    const net::ServerResponse response = ask(kExport + "?format=" + name);
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(text_of(response), bytes_of(exported(command))) << name;
    const std::string ending = name == "vcf3" ? "vcf" : name;
    EXPECT_EQ(header(response, "Content-Disposition"),
              "attachment; filename=\"contacts." + ending + "\"");
    EXPECT_EQ(header(response, "Cache-Control"), "no-store");
  }
}

TEST_F(ApiExports, AreFilteredAndHaveTheColumnsThatAreAskedFor) {
  daemon::ExportCommand command;
  command.columns = {exporting::column_named("Id"), exporting::column_named("Groups")};
  command.filter.group = "Sales";
  command.filter.with_deleted = true;
  const std::string expected = bytes_of(exported(command));
  EXPECT_EQ(
      text_of(ask(kExport + "?format=csv&columns=id,%20GROUPS&group=Sales&with_deleted=true")),
      expected);
  EXPECT_EQ(std::count(expected.begin(), expected.end(), '\n'), 3);
  command.columns = exporting::all_columns();
  command.filter = {};
  EXPECT_EQ(text_of(ask(kExport + "?format=csv&columns=all")), bytes_of(exported(command)));
}

TEST_F(ApiExports, HoldAWorkbook) {
  fill();
  daemon::ExportCommand command;
  command.format = exporting::Format::xlsx;
  const std::filesystem::path expected = exported(command);
  const net::ServerResponse response = ask(kExport + "?format=xlsx");
  ASSERT_EQ(response.status, 200) << response.body;
  const std::filesystem::path got = place_.path() / "got.xlsx";
  std::ofstream(got, std::ios::binary) << text_of(response);
  for (const int sheet : {1, 2})
    EXPECT_EQ(exporting::size_of_rows(got, sheet), exporting::size_of_rows(expected, sheet));
}

TEST_F(ApiExports, AreOfAMomentOfThePast) {
  const base::TimePoint then = clock_.now();
  const std::string before = text_of(ask(kExport + "?format=csv"));
  apply({named(1, "Anna", "Renamed")});
  publish();
  EXPECT_NE(text_of(ask(kExport + "?format=csv")), before);
  EXPECT_EQ(text_of(ask(kExport + "?format=csv&at=" + base::to_iso8601(then))), before);
  EXPECT_EQ(text_of(ask(kExport + "?format=csv&at=2")), before);
  const std::string past = text_of(ask(kExport + "?format=jsonl&at=2"));
  EXPECT_FALSE(json::parse(past.substr(0, past.find('\n'))).contains("records"));
  EXPECT_NE(refused(kExport + "?format=csv&at=99", 404).find("there was no such run"),
            std::string::npos);
  clock_.advance(std::chrono::hours(1000));
  index_->publish(index_->begin_run(), {.keep_history = std::chrono::hours(1)}, {});
  EXPECT_NE(refused(kExport + "?format=csv&at=1", 410).find("does not go back"), std::string::npos);
}

TEST_F(ApiExports, RefuseWhatMakesNoSense) {
  EXPECT_EQ(refused(kExport), "format: expected csv, xlsx, vcf, vcf3, jsonl or ldif, not \"\"");
  EXPECT_EQ(refused(kExport + "?format=pdf"),
            "format: expected csv, xlsx, vcf, vcf3, jsonl or ldif, not \"pdf\"");
  EXPECT_EQ(refused(kExport + "?format=csv&columns=Id,Shoes").substr(0, 30),
            "columns: expected visible, all");
  EXPECT_EQ(refused(kExport + "?format=csv&columns=Id,id").substr(0, 30),
            "columns: expected visible, all");
  EXPECT_EQ(refused(kExport + "?format=vcf&columns=all"),
            "columns: is for the formats csv and xlsx");
  EXPECT_EQ(refused(kExport + "?format=ldif&kind=group").substr(0, 6), "kind: ");
  EXPECT_EQ(refused(kExport + "?format=csv&group=Nobody", 404),
            "group: no group has this id, address or name");
  EXPECT_EQ(refused(kExport + "?format=csv&limit=3").substr(0, 27), "there is no parameter \"limi");
}

TEST_F(ApiExports, AreNotMadeForHead) {
  fill();
  const net::ServerResponse head = ask(kExport + "?format=csv", {}, "HEAD");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(header(head, "Content-Type"), "text/csv; charset=utf-8");
  EXPECT_TRUE(head.body.empty());
  ASSERT_TRUE(head.stream);
  EXPECT_EQ(head.stream->length(), std::nullopt);
}

TEST_F(ApiExports, LeaveNothingBesideTheIndex) {
  fill();
  const auto names = [&] {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(place_.path()))
      found.insert(entry.path().filename());
    return found;
  };
  const std::set<std::string> before = names();
  const net::ServerResponse response = ask(kExport + "?format=jsonl");
  EXPECT_TRUE(response.stream);
  EXPECT_EQ(names(), before);
  EXPECT_FALSE(text_of(response).empty());
}

TEST_F(ApiExports, AreBrokenOffForWhoeverMayNotHaveThemAnyMore) {
  fill();
  const net::ServerResponse response = ask(kExport + "?format=jsonl");
  ASSERT_TRUE(response.stream);
  EXPECT_FALSE(response.stream->next().end);
  authority_.revoked = true;
  EXPECT_THROW(response.stream->next(), std::runtime_error);  // no end: it is not complete
}

/// Files may not become larger than so many bytes.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t size) : signal_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &limit_);
    const rlimit small{size, limit_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }

  ~SmallDisk() {
    ::setrlimit(RLIMIT_FSIZE, &limit_);
    std::signal(SIGXFSZ, signal_);
  }

  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

 private:
  rlimit limit_{};
  void (*signal_)(int);
};

TEST_F(ApiExports, SayWhenTheDiskIsFull) {
  fill();
  api();
  ask(kExport + "?format=csv");  // whatever else is written once
  const SmallDisk disk(100'000);
  for (const char* format : {"jsonl", "xlsx"}) {
    const net::ServerResponse response = ask(kExport + "?format=" + format);
    EXPECT_EQ(response.status, 503) << format;
    EXPECT_EQ(header(response, "Retry-After"), "300");
    EXPECT_FALSE(response.stream);
  }
}

TEST_F(ApiExports, ManyLargeOnesOnTheirWayAreEnough) {
  fill();
  std::vector<net::ServerResponse> on_their_way;
  for (int i = 0; i < Spool::kMostFiles; ++i) {
    authority_.principal.name = "token " + std::to_string(i / Spool::kMostFilesOfAClient);
    on_their_way.push_back(ask(kExport + "?format=jsonl"));
    ASSERT_TRUE(on_their_way.back().stream) << i;
  }
  authority_.principal.name = "another";
  const net::ServerResponse refused = ask(kExport + "?format=jsonl");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(header(refused, "Retry-After"), "30");
  EXPECT_EQ(ask(kExport + "?format=jsonl&kind=group").status, 200) << "takes no file";
  on_their_way.pop_back();
  EXPECT_EQ(ask(kExport + "?format=jsonl").status, 200);
}

TEST_F(ApiExports, OneClientLeavesRoomForOthers) {
  fill();
  std::vector<net::ServerResponse> on_their_way;
  for (int i = 0; i < Spool::kMostFilesOfAClient; ++i)
    on_their_way.push_back(ask(kExport + "?format=jsonl"));
  EXPECT_NE(refused(kExport + "?format=csv&columns=all", 503).find("on their way to you"),
            std::string::npos);
  authority_.principal.name = "another";
  EXPECT_EQ(ask(kExport + "?format=jsonl").status, 200);
  authority_.principal.name = "test";
  on_their_way.clear();
  EXPECT_EQ(ask(kExport + "?format=jsonl").status, 200);
}

TEST_F(ApiExports, AreCutShortAtTheEnd) {
  fill();
  EXPECT_EQ(ask(kExport + "?format=jsonl").status, 200);
  api().cut_short();
  for (const std::string& target : {kExport + "?format=jsonl", kExport + "?format=csv&at=3",
                                    std::string("/api/identity/changes/snapshot")}) {
    const net::ServerResponse response = ask(target);
    EXPECT_EQ(response.status, 503) << target;
    EXPECT_EQ(header(response, "Retry-After"), "30");
  }
}

TEST(Places, AreSoManyAndNoMore) {
  Places places(2);
  const auto first = std::make_unique<Places::Place>(places);
  auto second = std::make_unique<Places::Place>(places);
  try {
    const Places::Place third(places);
    ADD_FAILURE() << "there were three";
  } catch (const Refused& refused) {
    EXPECT_EQ(refused.status(), 503);
    EXPECT_EQ(refused.headers(), (Refused::Headers{{"Retry-After", "10"}}));
  }
  second.reset();
  const Places::Place third(places);
}

TEST(Spool, AReserveStaysFreeForTheIndex) {
  constexpr std::uint64_t kMiB = 1u << 20;
  EXPECT_TRUE(leaves_room(100 * kMiB, 15 * kMiB, 10 * kMiB));
  EXPECT_FALSE(leaves_room(100 * kMiB, 15 * kMiB, 10 * kMiB + 1)) << "a twentieth of a small disk";
  EXPECT_TRUE(leaves_room(1'000'000 * kMiB, 266 * kMiB, 10 * kMiB));
  EXPECT_FALSE(leaves_room(1'000'000 * kMiB, 266 * kMiB, 10 * kMiB + 1));
  EXPECT_FALSE(leaves_room(10, 5, 6));
}

/// On a disk of eight megabytes that only this thread sees.
TEST(Spool, DoesNotFillTheDiskOfTheIndex) {
  const test::TemporaryDirectory place;
  bool mounted = false;
  int refused_with = 0;
  std::uint64_t left = 0;
  std::uint64_t left_in_the_end = 0;
  const auto left_now = [&] {
    struct statvfs disk = {};
    ::statvfs(place.path().c_str(), &disk);
    return disk.f_frsize * disk.f_bavail;
  };
  std::thread([&] {
    mounted = ::unshare(CLONE_NEWNS) == 0 &&
              ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
              ::mount("none", place.path().c_str(), "tmpfs", 0, "size=8m") == 0;
    if (!mounted)
      return;
    {
      Spool spool(place.path(), "test");
      try {
        for (int i = 0; i < 200; ++i)
          spool.write(std::string(64 * 1024, 'x'));
      } catch (const Refused& refused) {
        refused_with = refused.status();
      }
      left = left_now();
    }
    left_in_the_end = left_now();
  }).join();
  if (!mounted)
    GTEST_SKIP() << "may not mount anything";
  EXPECT_EQ(refused_with, 503);
  EXPECT_GE(left, (8u << 20) / 20);
  EXPECT_LT(left, 2u << 20) << "nearly all of the rest was taken";
  EXPECT_GT(left_in_the_end, 7u << 20);
}

TEST(Spool, GivesBackWhatItWasGivenFromWhereverItIsAskedFor) {
  const test::TemporaryDirectory place;
  for (const int pieces : {0, 1, 3000, 12'345}) {
    Spool spool(place.path(), "test");
    std::string all;
    for (int i = 0; i < pieces; ++i) {
      const std::string piece = "piece " + std::to_string(i) + std::string(90, '.');
      spool.write(piece);
      all += piece;
    }
    for (const bool settled : {false, true}) {
      EXPECT_EQ(spool.size(), all.size());
      for (const std::size_t step : {std::size_t{1'000'000}, std::size_t{70'001}}) {
        std::string got;
        while (got.size() < all.size())
          got += spool.read(got.size(), step);
        EXPECT_TRUE(got == all) << pieces << " " << settled;
      }
      EXPECT_EQ(spool.read(all.size(), 10), "");
      spool.settle();
    }
  }
}

}  // namespace

}  // namespace gald::api
