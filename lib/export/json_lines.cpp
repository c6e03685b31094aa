#include "export/contact_json.hpp"
#include "export/writer.hpp"

namespace gald::exporting {

namespace {

class JsonLinesWriter final : public Writer {
 public:
  explicit JsonLinesWriter(Sink sink) : sink_(std::move(sink)) {}

  void add(const model::Contact& contact) override { sink_(to_json(contact) + "\n"); }

  std::vector<std::string> finish(const std::vector<Total>&) override { return {}; }

 private:
  const Sink sink_;
};

}  // namespace

std::unique_ptr<Writer> json_lines_writer(Sink sink) {
  return std::make_unique<JsonLinesWriter>(std::move(sink));
}

}  // namespace gald::exporting
