// A damaged index is made anew from the sources, with the same ids, while consumers keep the old
// one.
#include <fstream>
#include <functional>
#include <random>

#include <SQLiteCpp/SQLiteCpp.h>

#include "index/index_file.hpp"
#include "index/integrity.hpp"
#include "index/reader.hpp"
#include "index/rebuild.hpp"
#include "index/schema.hpp"
#include "one_cycle.hpp"
#include "report.hpp"
#include "support.hpp"

namespace gald::daemon {

using test::anchor;
using test::Attribute;
namespace fs = std::filesystem;

namespace {

constexpr int kPeople = 400;
constexpr std::streamoff kPageSize = 4096;

/// A source with people who never change.
class Source final : public sync::Connector {
 public:
  const std::string& name() const override { return name_; }

  model::ConnectorKind kind() const override { return model::ConnectorKind::entra; }

  const std::vector<sync::Collection>& collections() const override { return collections_; }

  std::unique_ptr<sync::Round> begin(const sync::Collection&, const model::Cursor& from) override {
    class OnePage final : public sync::Round {
     public:
      OnePage(bool everything, bool fails) : everything_(everything), fails_(fails) {}

      sync::Pull next(std::stop_token) override {
        if (fails_)
          return sync::Failed{{base::ErrorKind::network, "not reachable", {}}};
        sync::Page page;
        for (int number = 0; everything_ && number < kPeople; ++number)
          page.changes.push_back(person(number));
        page.next = model::Cursor{"done", ""};
        page.last = true;
        return page;
      }

     private:
      const bool everything_;
      const bool fails_;
    };

    return std::make_unique<OnePage>(from.position.empty(), fails);
  }

  std::vector<sync::Finding> check(std::stop_token) override { return {}; }

  bool fails = false;

 private:
  static model::Change person(int number) {
    const std::string text = std::to_string(number);
    model::Change change;
    change.anchor = anchor(number);
    change.kind = model::RecordKind::user;
    change.set = {{Attribute::display_name, {"Person " + text}},
                  {Attribute::mail, {"p" + text + "@contoso.test"}},
                  {Attribute::proxy_addresses, {"SMTP:p" + text + "@contoso.test"}},
                  {Attribute::business_phones, {"+49 30 23125 " + text}}};
    return change;
  }

  std::string name_ = "entra";
  std::vector<sync::Collection> collections_ = {{"users", false, "v1"}};
};

class RepairTest : public testing::Test {
 protected:
  RepairTest() {
    config_.index_file = place_.path() / "gald.db";
    auto source = std::make_unique<Source>();
    source_ = source.get();
    connectors_.push_back(std::move(source));
  }

  const fs::path& file() const { return config_.index_file; }

  model::RunReport cycle() {
    clock_.advance(std::chrono::hours(25));
    return one_cycle(config_, connectors_, clock_, {}, {});
  }

  /// Of everybody, by id.
  std::map<std::string, std::string> published() const {
    std::map<std::string, std::string> found;
    index::Reader(file()).contacts({}, [&](const model::Contact& contact) {
      found[contact.entry.id] =
          contact.entry.addresses.at(0).value + contact.entry.phones.at(0).raw;
      return true;
    });
    return found;
  }

  void overwrite(std::streamoff at, const std::string& bytes) const {
    std::fstream stream(file(), std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(at).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    ASSERT_TRUE(stream.flush().good());
  }

  std::string garbage(std::size_t size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes)
      byte = static_cast<char>(random_());
    return bytes;
  }

  bool under_way() const { return index::Rebuild(file()).under_way(); }

  test::TemporaryDirectory place_;
  Config config_;
  base::ManualClock clock_{base::parse_iso8601("2026-11-21T05:30:00Z").value()};
  Connectors connectors_;
  Source* source_ = nullptr;
  std::mt19937 random_{4711};
};

}  // namespace

TEST_F(RepairTest, WhereverPagesAreOverwrittenTheIdsComeBack) {
  ASSERT_EQ(cycle().outcome, model::Outcome::complete);
  const auto before = published();
  ASSERT_EQ(before.size(), static_cast<std::size_t>(kPeople));
  const auto pages = static_cast<std::streamoff>(fs::file_size(file())) / kPageSize;
  ASSERT_GT(pages, 60);
  for (int attempt = 0; attempt < 13; ++attempt) {
    switch (attempt) {
      case 0:  // the header of the file
        overwrite(0, garbage(100));
        break;
      case 1:  // the schema
        overwrite(100, garbage(kPageSize - 100));
        break;
      case 2:  // half of it is missing
        fs::resize_file(file(), static_cast<std::uintmax_t>(pages / 2 * kPageSize));
        break;
      case 3:  // there is nothing but its log
        fs::resize_file(file(), 0);
        std::ofstream(index::with_suffix(file(), "-wal")) << garbage(8192);
        break;
      case 4:  // nothing is there at all
        ASSERT_EQ(fs::file_size(index::with_suffix(file(), "-wal")), 0U) << "as behind each cycle";
        fs::resize_file(file(), 0);
        break;
      default:  // the heads of some pages, wherever they belong
        for (int i = 0; i < attempt; ++i)
          overwrite(kPageSize * (2 + static_cast<std::streamoff>(random_()) % (pages - 2)),
                    garbage(64));
    }
    const model::RunReport report = cycle();
    EXPECT_EQ(report.outcome, model::Outcome::complete) << report.error;
    EXPECT_NE(report.damage.find("has been made anew"), std::string::npos) << attempt;
    EXPECT_NE(describe(report).find("Damage: "), std::string::npos);
    EXPECT_EQ(published(), before) << attempt;
    EXPECT_EQ(index::problems_of(file()), std::vector<std::string>{}) << attempt;
    EXPECT_EQ(index::kept_aside(file()).size(), static_cast<std::size_t>(attempt + 1));
  }
  EXPECT_EQ(cycle().damage, "");
}

TEST_F(RepairTest, WhileASourceIsAwayWhatIsLeftOfTheOldOneIsServed) {
  cycle();
  const auto before = published();
  const std::string change_root =
      SQLite::Database(file().string(), SQLite::OPEN_READONLY)
          .execAndGet("SELECT rootpage FROM sqlite_schema WHERE name = 'record'")
          .getString();
  overwrite(kPageSize * (std::stol(change_root) - 1), garbage(64));
  source_->fails = true;
  model::RunReport report = cycle();
  EXPECT_EQ(report.outcome, model::Outcome::failed);
  EXPECT_NE(report.damage.find("what can be read of the old one is served"), std::string::npos);
  EXPECT_TRUE(under_way());
  const auto names = [&] {
    return SQLite::Database(file().string(), SQLite::OPEN_READONLY)
        .execAndGet("SELECT count(*) FROM contacts")
        .getInt();
  };
  EXPECT_EQ(names(), kPeople);
  EXPECT_THROW(open_index(config_, clock_), std::runtime_error) << "nothing is written into it";
  report = cycle();
  EXPECT_TRUE(under_way());
  EXPECT_EQ(names(), kPeople);

  SQLite::Database consumer(file().string(), SQLite::OPEN_READONLY);
  SQLite::Transaction long_one(consumer);
  EXPECT_EQ(consumer.execAndGet("SELECT count(*) FROM contacts").getInt(), kPeople);
  source_->fails = false;
  report = cycle();
  EXPECT_EQ(report.outcome, model::Outcome::complete);
  EXPECT_FALSE(under_way());
  EXPECT_EQ(published(), before);
  EXPECT_EQ(consumer.execAndGet("SELECT count(*) FROM contacts").getInt(), kPeople)
      << "whoever has the old one open keeps it";
  const auto kept = index::kept_aside(file());
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_FALSE(index::problems_of(kept.front()).empty());
  EXPECT_FALSE(fs::exists(index::with_suffix(file(), ".rebuild")));
}

TEST_F(RepairTest, ABackupThatIsPutInItsPlaceEndsIt) {
  cycle();
  const auto before = published();
  fs::copy_file(file(), place_.path() / "backup.db");
  overwrite(0, garbage(100));
  source_->fails = true;
  cycle();
  ASSERT_TRUE(under_way());
  for (const char* suffix : index::kSuffixes)
    fs::remove(index::with_suffix(file(), suffix));
  fs::rename(place_.path() / "backup.db", file());
  source_->fails = false;
  EXPECT_EQ(cycle().damage, "");
  EXPECT_EQ(published(), before);
}

TEST_F(RepairTest, KilledOnTheWayItIsDoneByTheNextCycle) {
  cycle();
  const auto before = published();
  const index::Rebuild rebuild(file());
  overwrite(0, garbage(100));

  rebuild.begin(clock_.now());  // killed before anything was made
  EXPECT_NE(cycle().damage.find("has been made anew"), std::string::npos);
  EXPECT_EQ(published(), before);

  overwrite(0, garbage(100));  // killed between moving the log away and moving the new one in
  rebuild.begin(clock_.now());
  fs::rename(index::with_suffix(file(), "-wal"),
             index::with_suffix(index::kept_aside(file()).back(), "-wal"));
  EXPECT_NE(cycle().damage.find("has been made anew"), std::string::npos);
  EXPECT_EQ(published(), before);

  overwrite(0, garbage(100));  // and the one that is being made is damaged too
  source_->fails = true;
  cycle();
  std::ofstream(rebuild.file(), std::ios::binary) << garbage(4 * kPageSize);
  source_->fails = false;
  EXPECT_THROW(cycle(), index::DamagedIndex);
  EXPECT_NE(cycle().damage.find("has been made anew"), std::string::npos);
  EXPECT_EQ(published(), before);
}

TEST_F(RepairTest, WhatIsNoDamageIsLeftAlone) {
  cycle();
  SQLite::Database other(file().string(), SQLite::OPEN_READWRITE);
  other.exec("PRAGMA user_version = 99");
  EXPECT_THROW(cycle(), std::runtime_error);
  other.exec("PRAGMA user_version = " + std::to_string(index::kSchemaVersion));
  other.exec("PRAGMA application_id = 1");
  EXPECT_THROW(cycle(), std::runtime_error);
  EXPECT_EQ(index::kept_aside(file()).size(), 0U);

  config_.index_file = place_.path() / "letter.txt";
  std::ofstream(file()) << std::string(5000, 'x');
  EXPECT_THROW(cycle(), std::runtime_error);
  EXPECT_EQ(index::kept_aside(file()).size(), 0U);
  EXPECT_EQ(fs::file_size(file()), 5000U);
}

TEST_F(RepairTest, AnEmptyFileWithoutALogIsANewOne) {
  std::ofstream(file()).close();  // killed before the tables were in it
  const model::RunReport report = cycle();
  EXPECT_EQ(report.outcome, model::Outcome::complete) << report.error;
  EXPECT_EQ(report.damage, "");
  EXPECT_EQ(published().size(), static_cast<std::size_t>(kPeople));
  EXPECT_EQ(index::kept_aside(file()).size(), 0U);
}

}  // namespace gald::daemon
