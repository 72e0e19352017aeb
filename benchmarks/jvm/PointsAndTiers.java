import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The JVM reference: points and tiers by static rules, and nothing else of what the engine does, on Kafka Streams.
 *
 * A purchase earns a point for each dollar and another one for each dollar of fresh food, times the tier's multiplier;
 * a coupon ten points. Spend, purchases and coupons of the calendar year make the score, the score makes the tier. No
 * lots, no pending or expiring points, no refunds, no duplicates or late actions, no learning, no due work. As its
 * documentation recommends: the processor API with a persistent key-value store (RocksDB, caching and changelog on),
 * exactly_once_v2, one thread per core, the default commit interval of that guarantee.
 *
 * Arguments: bootstrap servers, application id, topic prefix, state folder, result file, actions, partition=end ...
 */
public class PointsAndTiers {
  static final Set<String> FRESH =
      Set.of("PRODUCE", "MEAT", "MEAT-PCKGD", "SEAFOOD", "SEAFOOD-PCKGD", "SALAD BAR");
  static final String[] TIERS = {"member", "silver", "gold", "platinum"};
  static final int[] THRESHOLDS = {0, 250, 500, 750};
  static final int[] MULTIPLIERS_BP = {10_000, 11_000, 12_500, 15_000};
  static final ZoneId ZONE = ZoneId.of("America/New_York");
  static final int THREADS = 2;

  static volatile long startedNs = 0;
  static final Map<Integer, Long> waiting = new ConcurrentHashMap<>();
  static final CountDownLatch done = new CountDownLatch(1);

  /** What is kept of a member: points, the year that counts, its sums, the place of the tier in the ladder. */
  record Member(long points, long sequence, int year, long spend, long purchases, long coupons, int tier) {
    static final int BYTES = 5 * Long.BYTES + 2 * Integer.BYTES;

    static Member of(byte[] row) {
      if (row == null) return new Member(0, 0, 0, 0, 0, 0, -1);
      ByteBuffer in = ByteBuffer.wrap(row);
      return new Member(
          in.getLong(), in.getLong(), in.getInt(), in.getLong(), in.getLong(), in.getLong(), in.getInt());
    }

    byte[] row() {
      return ByteBuffer.allocate(BYTES)
          .putLong(points).putLong(sequence).putInt(year).putLong(spend).putLong(purchases).putLong(coupons)
          .putInt(tier).array();
    }

    int score() {
      return (int)
          (700 * Math.min(spend, 600_000) / 600_000 + 250 * Math.min(purchases, 150) / 150
              + 50 * Math.min(coupons, 10) / 10);
    }
  }

  static class Rules implements Processor<String, byte[], String, byte[]> {
    final ObjectMapper mapper = new ObjectMapper();
    final Map<Integer, Long> ends;
    ProcessorContext<String, byte[]> context;
    KeyValueStore<String, byte[]> members;

    Rules(Map<Integer, Long> ends) {
      this.ends = ends;
    }

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
      this.context = context;
      this.members = context.getStateStore("members");
    }

    @Override
    public void process(Record<String, byte[]> record) {
      if (startedNs == 0) startedNs = System.nanoTime();
      if (record.key() != null) {
        try {
          apply(record);
        } catch (IOException malformed) {
          throw new IllegalStateException(malformed);
        }
      }
      int partition = context.taskId().partition();
      if (context.recordMetadata().get().offset() + 1 >= ends.get(partition)) {
        waiting.remove(partition);
        if (waiting.isEmpty()) done.countDown();
      }
    }

    void apply(Record<String, byte[]> record) throws IOException {
      JsonNode action = mapper.readTree(record.value());
      JsonNode data = action.get("data");
      String type = action.get("type").textValue();
      Member before = Member.of(members.get(record.key()));
      int year = Instant.parse(action.get("time").textValue()).atZone(ZONE).getYear();
      boolean sameYear = before.year == year;
      long spend = sameYear ? before.spend : 0;
      long purchases = sameYear ? before.purchases : 0;
      long coupons = sameYear ? before.coupons : 0;
      long earned = 0;
      if (type.equals("loyalty.action.purchase")) {
        long amount = data.get("amount").longValue();
        long fresh = 0;
        for (JsonNode item : data.get("items"))
          if (FRESH.contains(item.path("category").asText())) fresh += item.get("amount").longValue();
        earned = (amount + fresh) * MULTIPLIERS_BP[Math.max(0, before.tier)] / (100 * 10_000L);
        spend += amount;
        purchases += 1;
      } else if (type.equals("loyalty.action.coupon_redeem")) {
        earned = 10;
        coupons += 1;
      }
      Member counted =
          new Member(
              before.points + earned, before.sequence + (earned > 0 ? 1 : 0), year, spend, purchases, coupons,
              before.tier);
      int tier = 0;
      while (tier + 1 < TIERS.length && counted.score() >= THRESHOLDS[tier + 1]) tier++;
      tier = Math.max(tier, before.tier);
      Member after =
          new Member(counted.points, counted.sequence, year, spend, purchases, coupons, tier);
      members.put(record.key(), after.row());
      if (earned > 0) forward("points", "loyalty.points.earned", record, action, after, earned, before.tier);
      if (tier != before.tier)
        forward("tier-changes", "loyalty.tier.upgraded", record, action, after, earned, before.tier);
    }

    void forward(
        String sink, String type, Record<String, byte[]> record, JsonNode action, Member member, long earned, int old)
        throws IOException {
      ObjectNode event = mapper.createObjectNode();
      event.put("specversion", "1.0").put("id", sink + "/" + action.get("id").textValue()).put("source", "tierstream");
      event.put("type", type).set("time", action.get("time"));
      event.put("subject", record.key());
      ObjectNode data = event.putObject("data");
      data.put("sequence", member.sequence).put("points", earned).put("balance", member.points);
      data.put("score", member.score()).put("tier", TIERS[member.tier]).put("old", old < 0 ? "" : TIERS[old]);
      data.putObject("cause").set("id", action.get("id"));
      context.forward(record.withValue(mapper.writeValueAsBytes(event)), sink);
    }
  }

  public static void main(String[] arguments) throws Exception {
    String prefix = arguments[2];
    Map<Integer, Long> ends = new ConcurrentHashMap<>();
    for (int at = 6; at < arguments.length; at++) {
      String[] end = arguments[at].split("=");
      ends.put(Integer.valueOf(end[0]), Long.valueOf(end[1]));
    }
    waiting.putAll(ends);
    Topology topology = new Topology();
    topology.addSource("actions", new StringDeserializer(), new ByteArrayDeserializer(), prefix + ".actions");
    topology.addProcessor("rules", () -> new Rules(ends), "actions");
    topology.addStateStore(
        Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("members"), Serdes.String(), Serdes.ByteArray())
            .withCachingEnabled(),
        "rules");
    for (String sink : new String[] {"points", "tier-changes"})
      topology.addSink(sink, prefix + "." + sink, new StringSerializer(), new ByteArraySerializer(), "rules");
    Properties properties = new Properties();
    properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
    properties.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[1]);
    properties.put(StreamsConfig.STATE_DIR_CONFIG, arguments[3]);
    properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, THREADS);
    properties.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
    properties.put(StreamsConfig.producerPrefix("compression.type"), "lz4");
    KafkaStreams streams = new KafkaStreams(topology, properties);
    streams.start();
    done.await();
    streams.close(Duration.ofSeconds(60)); // commits
    double wall = (System.nanoTime() - startedNs) / 1e9;
    double cpu = ProcessHandle.current().info().totalCpuDuration().orElse(Duration.ZERO).toMillis() / 1e3;
    String status = Files.readString(Path.of("/proc/self/status"));
    String peak = status.lines().filter(line -> line.startsWith("VmHWM:")).findFirst().orElse("VmHWM: 0 kB");
    double rss = Long.parseLong(peak.replaceAll("[^0-9]", "")) / 1024.0;
    Path result = Path.of(arguments[4]);
    Path part = result.resolveSibling("result.part");
    Files.writeString(
        part,
        String.format("{\"actions\":%s,\"wall_s\":%f,\"cpu_s\":%f,\"rss_mib\":%f}", arguments[5], wall, cpu, rss));
    Files.move(part, result, StandardCopyOption.ATOMIC_MOVE);
    System.exit(0);
  }
}
