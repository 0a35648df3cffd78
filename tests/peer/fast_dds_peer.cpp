// An independent DDS peer on Fast DDS, with samples as CDR bytes. Configured as rmw_fastrtps does it: with its defaults
// (`subnet`), for discovery on this machine (`localhost`, Jazzy), or for the loopback interface alone (`loopback`, which is
// Humble's ROS_LOCALHOST_ONLY); by UDP and shared memory, or (`udp`) as for `subnet` by UDP alone.
//
// Usage: fast_dds_peer DOMAIN subnet|udp|localhost|loopback. Reads commands, one a line, and says what happens as JSON lines; ends
// with its standard input.
//   writer NAME TOPIC TYPE QOS [USER_DATA]     reader NAME TOPIC TYPE QOS [USER_DATA] [samples|numbers:N|ages:N]
//   write NAME CDR                             paced NAME CDR COUNT RATE (a stamp is put at byte 4)
//   numbers NAME COUNT                         request WRITER READER CDR      reply WRITER GUID SEQUENCE CDR
//   acknowledged NAME MILLISECONDS             delete NAME             tell NAME (the ages that a reader has by now)
// QOS is words with commas between: reliable, best_effort, transient_local, keep_all, depth:N, deadline_ms:N,
// manual_ms:N (liveliness by topic with that lease). CDR, GUID and USER_DATA are hexadecimal.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fastdds/dds/domain/DomainParticipant.hpp>
#include <fastdds/dds/domain/DomainParticipantFactory.hpp>
#include <fastdds/dds/domain/DomainParticipantListener.hpp>
#include <fastdds/dds/publisher/DataWriter.hpp>
#include <fastdds/dds/publisher/DataWriterListener.hpp>
#include <fastdds/dds/publisher/Publisher.hpp>
#include <fastdds/dds/subscriber/DataReader.hpp>
#include <fastdds/dds/subscriber/DataReaderListener.hpp>
#include <fastdds/dds/subscriber/SampleInfo.hpp>
#include <fastdds/dds/subscriber/Subscriber.hpp>
#include <fastdds/dds/topic/TopicDataType.hpp>
#include <fastdds/dds/topic/TypeSupport.hpp>
#include <fastdds/rtps/transport/UDPv4TransportDescriptor.h>
#include <fastdds/rtps/transport/shared_mem/SharedMemTransportDescriptor.h>
#include <fastrtps/utils/IPLocator.h>

using namespace eprosima::fastdds::dds;
namespace rtps = eprosima::fastrtps::rtps;
using Bytes = std::vector<uint8_t>;

static std::mutex output;
static void say(const std::string& line) {
  std::lock_guard<std::mutex> lock(output);
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

template <class Range> static std::string hex(const Range& bytes) {
  static const char digits[] = "0123456789abcdef";
  std::string text;
  for (const auto byte : bytes) (text += digits[(uint8_t)byte >> 4]) += digits[(uint8_t)byte & 15];
  return text;
}
static std::string hex(const rtps::GUID_t& guid) {
  Bytes bytes(guid.guidPrefix.value, guid.guidPrefix.value + 12);
  bytes.insert(bytes.end(), guid.entityId.value, guid.entityId.value + 4);
  return hex(bytes);
}
static Bytes bytes(const std::string& text) {
  Bytes out;
  for (size_t n = 0; n + 1 < text.size(); n += 2) out.push_back((uint8_t)std::stoul(text.substr(n, 2), nullptr, 16));
  return out;
}
// Bytes in, bytes out; the encapsulation header is part of them.
struct Raw : TopicDataType {
  explicit Raw(const std::string& name) {
    setName(name.c_str());
    m_typeSize = 1024;
    auto_fill_type_object(false);
    auto_fill_type_information(false);
  }
  bool serialize(void* data, rtps::SerializedPayload_t* payload) override {
    const Bytes& from = *static_cast<Bytes*>(data);
    if (from.size() > payload->max_size) return false;
    payload->length = (uint32_t)from.size();
    std::memcpy(payload->data, from.data(), from.size());
    return true;
  }
  bool deserialize(rtps::SerializedPayload_t* payload, void* data) override {
    static_cast<Bytes*>(data)->assign(payload->data, payload->data + payload->length);
    return true;
  }
  std::function<uint32_t()> getSerializedSizeProvider(void* data) override {
    return [data] { return (uint32_t) static_cast<Bytes*>(data)->size(); };
  }
  void* createData() override { return new Bytes; }
  void deleteData(void* data) override { delete static_cast<Bytes*>(data); }
  bool getKey(void*, rtps::InstanceHandle_t*, bool) override { return false; }
};

template <class Data> static void found(const char* kind, bool gone, const Data& data) {
  say(std::string("{\"") + (gone ? "lost" : "found") + "\":\"" + kind + "\",\"guid\":\"" + hex(data.guid()) + "\",\"topic\":\"" +
      data.topicName().c_str() + "\",\"type\":\"" + data.typeName().c_str() + "\",\"user_data\":\"" + hex(data.m_qos.m_userData) + "\"}");
}

struct Discovered : DomainParticipantListener {
  void on_publisher_discovery(DomainParticipant*, rtps::WriterDiscoveryInfo&& news) override {
    found("writer", news.status == rtps::WriterDiscoveryInfo::REMOVED_WRITER, news.info);
  }
  void on_subscriber_discovery(DomainParticipant*, rtps::ReaderDiscoveryInfo&& news) override {
    found("reader", news.status == rtps::ReaderDiscoveryInfo::REMOVED_READER, news.info);
  }
  void on_participant_discovery(DomainParticipant*, rtps::ParticipantDiscoveryInfo&& news) override {
    if (news.status != rtps::ParticipantDiscoveryInfo::DISCOVERED_PARTICIPANT) return;
    say("{\"found\":\"participant\",\"guid\":\"" + hex(news.info.m_guid) + "\",\"user_data\":\"" + hex(news.info.m_userData) + "\"}");
  }
};

struct Writing : DataWriterListener {
  std::string name;
  void event(const char* what, int32_t value) { say("{\"" + std::string(what) + "\":\"" + name + "\",\"value\":" + std::to_string(value) + "}"); }
  void on_publication_matched(DataWriter*, const PublicationMatchedStatus& status) override { event("matched", status.current_count); }
  void on_offered_incompatible_qos(DataWriter*, const OfferedIncompatibleQosStatus& status) override {
    event("incompatible", (int32_t)status.last_policy_id);
  }
};

struct Reading : DataReaderListener {
  std::string name, what;
  size_t wanted = 0;
  uint64_t count = 0;
  std::mutex mutex; // of `ages`
  std::vector<int64_t> ages;

  void event(const char* event, int32_t value) { say("{\"" + std::string(event) + "\":\"" + name + "\",\"value\":" + std::to_string(value) + "}"); }
  void on_subscription_matched(DataReader*, const SubscriptionMatchedStatus& status) override { event("matched", status.current_count); }
  void on_requested_incompatible_qos(DataReader*, const RequestedIncompatibleQosStatus& status) override {
    event("incompatible", (int32_t)status.last_policy_id);
  }
  void on_requested_deadline_missed(DataReader*, const RequestedDeadlineMissedStatus& status) override {
    event("deadline_missed", (int32_t)status.total_count);
  }
  void on_liveliness_changed(DataReader*, const LivelinessChangedStatus& status) override { event("alive", status.alive_count); }
  void on_data_available(DataReader* reader) override {
    Bytes sample;
    SampleInfo info;
    while (reader->take_next_sample(&sample, &info) == ReturnCode_t::RETCODE_OK)
      if (info.valid_data) take(sample, info);
  }
  void take(const Bytes& sample, const SampleInfo& info) {
    const int64_t now = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    if (what == "numbers") {
      const uint64_t got = std::strtoull((const char*)sample.data() + 8, nullptr, 10);
      if (got != count) say("{\"expected\":" + std::to_string(count) + ",\"got\":" + std::to_string(got) + "}");
      count = got + 1;
      if (count == wanted) say("{\"received\":" + std::to_string(count) + "}");
    } else if (what == "ages") {
      int32_t seconds;
      uint32_t nanoseconds;
      std::memcpy(&seconds, &sample[4], 4);
      std::memcpy(&nanoseconds, &sample[8], 4);
      std::unique_lock<std::mutex> lock(mutex);
      ages.push_back(now - (seconds * 1000000000LL + nanoseconds));
      const bool all = ages.size() == wanted;
      lock.unlock();
      if (all) tell_ages();
    } else {
      say("{\"sample\":\"" + name + "\",\"cdr\":\"" + hex(sample) + "\",\"writer\":\"" + hex(info.sample_identity.writer_guid()) +
          "\",\"sequence\":" + std::to_string(info.sample_identity.sequence_number().to64long()) + ",\"related\":\"" +
          hex(info.related_sample_identity.writer_guid()) +
          "\",\"related_sequence\":" + std::to_string(info.related_sample_identity.sequence_number().to64long()) + "}");
    }
  }
  void tell_ages() {
    std::lock_guard<std::mutex> lock(mutex);
    std::string line = "{\"ages_ns\":[";
    for (size_t n = 0; n < ages.size(); n++) line += (n ? "," : "") + std::to_string(ages[n]);
    say(line + "]}");
    ages.clear();
    wanted = 0;
  }
};

template <class Qos> static void follow(const std::string& words, Qos& qos) {
  std::istringstream list(words);
  qos.endpoint().history_memory_policy = rtps::PREALLOCATED_WITH_REALLOC_MEMORY_MODE;
  qos.data_sharing().off();
  qos.reliability().kind = RELIABLE_RELIABILITY_QOS;
  qos.history().depth = 10;
  for (std::string word; std::getline(list, word, ',');) {
    const size_t colon = word.find(':');
    const double value = colon == std::string::npos ? 0 : std::stod(word.substr(colon + 1));
    if (word == "best_effort") qos.reliability().kind = BEST_EFFORT_RELIABILITY_QOS;
    if (word == "transient_local") qos.durability().kind = TRANSIENT_LOCAL_DURABILITY_QOS;
    if (word == "keep_all") qos.history().kind = KEEP_ALL_HISTORY_QOS;
    if (word.rfind("depth:", 0) == 0) qos.history().depth = (int32_t)value;
    if (word.rfind("deadline_ms:", 0) == 0) qos.deadline().period = Duration_t((long double)(value / 1000));
    if (word.rfind("manual_ms:", 0) == 0) {
      qos.liveliness().kind = MANUAL_BY_TOPIC_LIVELINESS_QOS;
      qos.liveliness().lease_duration = Duration_t((long double)(value / 1000));
      qos.liveliness().announcement_period = Duration_t((long double)(value / 2000));
    }
  }
  qos.resource_limits().max_samples = std::max(qos.resource_limits().max_samples, qos.history().depth);
}

class Peer {
 public:
  Peer(uint32_t domain, const std::string& range) {
    DomainParticipantQos qos;
    qos.wire_protocol().builtin.readerHistoryMemoryPolicy = rtps::PREALLOCATED_WITH_REALLOC_MEMORY_MODE;
    qos.wire_protocol().builtin.writerHistoryMemoryPolicy = rtps::PREALLOCATED_WITH_REALLOC_MEMORY_MODE;
    const std::string enclave = "enclave=/;";
    qos.user_data().assign(enclave.begin(), enclave.end());
    if (range == "udp") {
      qos.transport().use_builtin_transports = false;
      qos.transport().user_transports = {std::make_shared<eprosima::fastdds::rtps::UDPv4TransportDescriptor>()};
    } else if (range != "subnet") {
      auto udp = std::make_shared<eprosima::fastdds::rtps::UDPv4TransportDescriptor>();
      udp->maxInitialPeersRange = 32;
      if (range == "loopback") udp->interfaceWhiteList.push_back("127.0.0.1");
      qos.transport().use_builtin_transports = false;
      qos.transport().user_transports = {std::make_shared<eprosima::fastdds::rtps::SharedMemTransportDescriptor>(), udp};
      qos.wire_protocol().builtin.metatrafficUnicastLocatorList.push_back(rtps::Locator_t());
      rtps::Locator_t here;
      rtps::IPLocator::setIPv4(here, "127.0.0.1");
      qos.wire_protocol().builtin.initialPeersList.push_back(here);
    }
    participant = DomainParticipantFactory::get_instance()->create_participant(domain, qos, &discovered, StatusMask::none());
    if (participant == nullptr) throw std::runtime_error("no participant");
    publisher = participant->create_publisher(PUBLISHER_QOS_DEFAULT);
    subscriber = participant->create_subscriber(SUBSCRIBER_QOS_DEFAULT);
  }
  ~Peer() {
    participant->set_listener(nullptr);
    participant->delete_contained_entities();
    DomainParticipantFactory::get_instance()->delete_participant(participant);
  }

  void run(std::istringstream& in) {
    std::string command, name;
    in >> command >> name;
    if (command == "writer") return add_writer(name, in);
    if (command == "reader") return add_reader(name, in);
    if (command == "tell") {
      for (auto& reading : listening_readers)
        if (reading->name == name) reading->tell_ages();
      return;
    }
    if (command == "delete" && readers.count(name)) return (void)(subscriber->delete_datareader(readers.at(name)), readers.erase(name));
    DataWriter* writer = writers.at(name);
    if (command == "delete") {
      publisher->delete_datawriter(writer);
      writers.erase(name);
    } else if (command == "write") {
      write(writer, cdr(in));
    } else if (command == "numbers") {
      uint64_t count;
      in >> count;
      for (uint64_t n = 0; n < count; n++) write(writer, numbered(n));
      say("{\"sent\":" + std::to_string(count) + "}");
    } else if (command == "paced") {
      paced(writer, in);
    } else if (command == "acknowledged") {
      int milliseconds;
      in >> milliseconds;
      const bool all = writer->wait_for_acknowledgments(Duration_t((long double)(milliseconds / 1000.0))) == ReturnCode_t::RETCODE_OK;
      say(std::string("{\"acknowledged\":") + (all ? "true" : "false") + "}");
    } else if (command == "request" || command == "reply") {
      identified(writer, command == "request", in);
    } else {
      throw std::runtime_error("no command " + command);
    }
  }

 private:
  static Bytes cdr(std::istream& in) {
    std::string text;
    in >> text;
    return bytes(text);
  }
  static Bytes numbered(uint64_t n) {
    Bytes sample = {0, 1, 0, 0, 193, 0, 0, 0};
    const std::string text = std::to_string(n);
    sample.insert(sample.end(), 192 - text.size(), '0');
    sample.insert(sample.end(), text.begin(), text.end());
    sample.push_back(0);
    return sample;
  }
  static void write(DataWriter* writer, Bytes sample) {
    if (!writer->write(&sample)) throw std::runtime_error("not written");
  }
  Topic* topic(std::istream& in) {
    std::string name, type;
    in >> name >> type;
    TypeSupport(new Raw(type)).register_type(participant);
    Topic*& topic = topics[name + " " + type];
    if (topic == nullptr) topic = participant->create_topic(name, type, TOPIC_QOS_DEFAULT);
    if (topic == nullptr) throw std::runtime_error("no topic " + name);
    return topic;
  }
  void add_writer(const std::string& name, std::istream& in) {
    Topic* of = topic(in);
    std::string words, user_data;
    in >> words >> user_data;
    DataWriterQos qos;
    follow(words, qos);
    qos.reliability().max_blocking_time = Duration_t(30, 0);
    qos.user_data().setValue(bytes(user_data == "-" ? "" : user_data));
    listening_writers.emplace_back(new Writing);
    listening_writers.back()->name = name;
    writers[name] = publisher->create_datawriter(of, qos, listening_writers.back().get());
    said(name, writers[name]);
  }
  void add_reader(const std::string& name, std::istream& in) {
    Topic* of = topic(in);
    std::string words, user_data, what = "samples";
    in >> words >> user_data >> what;
    DataReaderQos qos;
    follow(words, qos);
    qos.user_data().setValue(bytes(user_data == "-" ? "" : user_data));
    listening_readers.emplace_back(new Reading);
    Reading& reading = *listening_readers.back();
    reading.name = name;
    reading.what = what.substr(0, what.find(':'));
    if (reading.what != what) reading.wanted = std::stoull(what.substr(what.find(':') + 1));
    readers[name] = subscriber->create_datareader(of, qos, &reading);
    said(name, readers[name]);
  }
  template <class End> static void said(const std::string& name, End* end) {
    if (end == nullptr) throw std::runtime_error("no end " + name);
    say("{\"made\":\"" + name + "\",\"guid\":\"" + hex(end->guid()) + "\"}");
  }
  void identified(DataWriter* writer, bool request, std::istream& in) {
    std::string of;
    in >> of;
    rtps::WriteParams parameters;
    rtps::SampleIdentity& related = parameters.related_sample_identity();
    if (request) {
      related.writer_guid() = readers.at(of)->guid();
    } else {
      const Bytes guid = bytes(of);
      std::memcpy(related.writer_guid().guidPrefix.value, guid.data(), 12);
      std::memcpy(related.writer_guid().entityId.value, guid.data() + 12, 4);
      uint64_t sequence;
      in >> sequence;
      related.sequence_number() = rtps::SequenceNumber_t((int32_t)(sequence >> 32), (uint32_t)sequence);
    }
    Bytes sample = cdr(in);
    if (!writer->write(&sample, parameters)) throw std::runtime_error("not written");
    say("{\"sequence\":" + std::to_string(parameters.sample_identity().sequence_number().to64long()) + "}");
  }
  void paced(DataWriter* writer, std::istream& in) {
    Bytes sample = cdr(in);
    size_t count;
    double rate;
    in >> count >> rate;
    const auto start = std::chrono::steady_clock::now();
    for (size_t n = 0; n < count; n++) {
      const int64_t now = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
      const int32_t seconds = (int32_t)(now / 1000000000);
      const uint32_t nanoseconds = (uint32_t)(now % 1000000000);
      std::memcpy(&sample[4], &seconds, 4);
      std::memcpy(&sample[8], &nanoseconds, 4);
      write(writer, sample);
      std::this_thread::sleep_until(start + std::chrono::duration<double>((n + 1) / rate));
    }
    say("{\"sent\":" + std::to_string(count) + "}");
  }

  Discovered discovered;
  DomainParticipant* participant;
  Publisher* publisher;
  Subscriber* subscriber;
  std::map<std::string, Topic*> topics;
  std::map<std::string, DataWriter*> writers;
  std::map<std::string, DataReader*> readers;
  std::vector<std::unique_ptr<Writing>> listening_writers;
  std::vector<std::unique_ptr<Reading>> listening_readers;
};

int main(int count, char** arguments) {
  if (count != 3) return std::fprintf(stderr, "usage: fast_dds_peer DOMAIN subnet|udp|localhost|loopback\n"), 2;
  try {
    Peer peer((uint32_t)std::stoul(arguments[1]), arguments[2]);
    for (std::string line; std::getline(std::cin, line);) {
      std::istringstream in(line);
      peer.run(in);
    }
  } catch (const std::exception& error) {
    return std::fprintf(stderr, "fast_dds_peer: %s\n", error.what()), 1;
  }
  return 0;
}
