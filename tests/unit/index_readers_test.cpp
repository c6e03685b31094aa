// Consumers that read without a pause while an index is filled for the first time.
#include <atomic>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "index/index.hpp"
#include "index/index_file.hpp"
#include "index/reader.hpp"
#include "support.hpp"

namespace gald::index {

using model::Change;
using test::anchor;
using test::Attribute;

namespace {

constexpr int kContactsInAll = 3000;
constexpr int kReaders = 6;

const CollectionKey kContacts{"entra", model::ConnectorKind::entra, "contacts", "v1", false};

std::string mail_of(int number) {
  return "p" + std::to_string(number) + "@contoso.test";
}

Change contact(int number) {
  const std::string text = std::to_string(number);
  Change change;
  change.anchor = anchor(number);
  change.kind = model::RecordKind::contact;
  change.set = {{Attribute::display_name, {"Person " + text}},
                {Attribute::mail, {mail_of(number)}},
                {Attribute::proxy_addresses,
                 {"SMTP:" + mail_of(number), "smtp:person." + text + "@contoso.test"}},
                {Attribute::business_phones, {"+49 30 23125 " + text}},
                {Attribute::mobile_phone, {"+49 176 0406 " + text}}};
  return change;
}

void import(const std::filesystem::path& file, const base::Clock& clock) {
  Index index(file, clock);
  const std::int64_t run = index.begin_run();
  index.position(kContacts);
  for (int from = 0; from < kContactsInAll; from += 100) {
    std::vector<Change> page;
    for (int number = from; number < from + 100; ++number)
      page.push_back(contact(number));
    index.apply(kContacts, page, {}, model::Cursor{std::to_string(from), ""},
                from + 100 == kContactsInAll);
  }
  index.publish(run, {}, {});
  index.tidy({});
}

}  // namespace

TEST(Readers, SeeWholeContactsAndNoErrorDuringAFirstImport) {
  const test::TemporaryDirectory place;
  const std::filesystem::path file = place.path() / "gald.db";
  const base::SystemClock clock;
  { const Index index(file, clock); }

  std::atomic<bool> over = false;
  std::atomic<int> found = 0;
  std::vector<std::string> trouble(kReaders);
  {
    std::vector<std::jthread> readers;
    for (int i = 0; i < kReaders; ++i)
      readers.emplace_back([&, i] {
        try {
          for (int number = i; !over; number = (number + 7) % kContactsInAll) {
            const Reader reader(file);
            for (const model::Contact& contact : reader.find(mail_of(number))) {
              ++found;
              if (contact.entry.addresses.size() != 2 || contact.entry.phones.size() != 2 ||
                  contact.records.size() != 1 || contact.change_number == 0)
                trouble[static_cast<std::size_t>(i)] = "half of " + mail_of(number);
            }
          }
        } catch (const std::exception& error) {
          trouble[static_cast<std::size_t>(i)] = error.what();
        }
      });
    import(file, clock);
    while (found == 0 && std::all_of(trouble.begin(), trouble.end(),
                                     [](const std::string& text) { return text.empty(); }))
      std::this_thread::yield();
    over = true;
  }
  EXPECT_EQ(trouble, std::vector<std::string>(kReaders));
  EXPECT_GT(found, 0);
}

TEST(Readers, KeepTheirLockWhenTheSameProcessWrites) {
  // without it, another process that reads last takes the log from under them
  const test::TemporaryDirectory directory;
  const std::filesystem::path file = directory.path() / "gald.db";
  const base::SystemClock clock;
  import(file, clock);
  const Reader reader(file);
  EXPECT_TRUE(reader.glance().published);
  Index(file, clock);  // and is closed
  EXPECT_TRUE(looks_like_an_index(file));
  flush_to_disk(file);
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(descriptor, 0);

  struct flock lock {};

  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = 0x40000002;  // SQLite's shared lock
  lock.l_len = 510;
  EXPECT_EQ(::fcntl(descriptor, F_OFD_GETLK, &lock), 0);
  EXPECT_EQ(lock.l_type, F_RDLCK);
  ::close(descriptor);
}

}  // namespace gald::index
