#include "export/contact_json.hpp"
#include "export/writer.hpp"

namespace gald::exporting {

namespace {

class JsonLinesWriter final : public Writer {
 public:
  JsonLinesWriter(Sink sink, bool of_the_past)
      : sink_(std::move(sink)), of_the_past_(of_the_past) {}

  void add(const model::Contact& contact) override {
    sink_((of_the_past_ ? told_json(contact) : to_json(contact)) + "\n");
  }

  std::vector<std::string> finish(const std::vector<Total>&) override { return {}; }

 private:
  const Sink sink_;
  const bool of_the_past_;
};

}  // namespace

std::unique_ptr<Writer> json_lines_writer(Sink sink, bool of_the_past) {
  return std::make_unique<JsonLinesWriter>(std::move(sink), of_the_past);
}

}  // namespace gald::exporting
