//! The groups of common libraries that are built without `pom.properties`: by Gradle, Ant, sbt or Bazel.
//!
//! The names are those under which the libraries are published on Maven Central.

/// Artifacts by their whole name, sorted.
const EXACT: &[(&str, &str)] = &[
    ("activemq-all", "org.apache.activemq"),
    ("ant", "org.apache.ant"),
    ("antlr", "antlr"),
    ("aspectjrt", "org.aspectj"),
    ("aspectjweaver", "org.aspectj"),
    ("bcmail-jdk15on", "org.bouncycastle"),
    ("bcpg-jdk15on", "org.bouncycastle"),
    ("bcpg-jdk18on", "org.bouncycastle"),
    ("bcpkix-jdk15on", "org.bouncycastle"),
    ("bcpkix-jdk18on", "org.bouncycastle"),
    ("bcprov-ext-jdk15on", "org.bouncycastle"),
    ("bcprov-jdk15on", "org.bouncycastle"),
    ("bcprov-jdk15to18", "org.bouncycastle"),
    ("bcprov-jdk16", "org.bouncycastle"),
    ("bcprov-jdk18on", "org.bouncycastle"),
    ("bcutil-jdk18on", "org.bouncycastle"),
    ("c3p0", "com.mchange"),
    ("commons-beanutils", "commons-beanutils"),
    ("commons-codec", "commons-codec"),
    ("commons-collections", "commons-collections"),
    ("commons-fileupload", "commons-fileupload"),
    ("commons-httpclient", "commons-httpclient"),
    ("commons-io", "commons-io"),
    ("commons-lang", "commons-lang"),
    ("commons-logging", "commons-logging"),
    ("dom4j", "org.dom4j"),
    ("elasticsearch", "org.elasticsearch"),
    ("graphql-java", "com.graphql-java"),
    ("groovy", "org.codehaus.groovy"),
    ("groovy-all", "org.codehaus.groovy"),
    ("guava", "com.google.guava"),
    ("h2", "com.h2database"),
    ("hibernate-core", "org.hibernate"),
    ("hibernate-entitymanager", "org.hibernate"),
    ("hibernate-validator", "org.hibernate.validator"),
    ("hsqldb", "org.hsqldb"),
    ("jackson-annotations", "com.fasterxml.jackson.core"),
    ("jackson-core", "com.fasterxml.jackson.core"),
    ("jackson-databind", "com.fasterxml.jackson.core"),
    ("jsch", "com.jcraft"),
    ("json", "org.json"),
    ("junit", "junit"),
    ("kafka-clients", "org.apache.kafka"),
    ("kotlin-reflect", "org.jetbrains.kotlin"),
    ("kotlin-stdlib", "org.jetbrains.kotlin"),
    ("log4j", "log4j"),
    ("logback-classic", "ch.qos.logback"),
    ("logback-core", "ch.qos.logback"),
    ("mariadb-java-client", "org.mariadb.jdbc"),
    ("mysql-connector-j", "com.mysql"),
    ("mysql-connector-java", "mysql"),
    ("ojdbc8", "com.oracle.database.jdbc"),
    ("okhttp", "com.squareup.okhttp3"),
    ("okio", "com.squareup.okio"),
    ("okio-jvm", "com.squareup.okio"),
    ("opensearch", "org.opensearch"),
    ("postgresql", "org.postgresql"),
    ("reactive-streams", "org.reactivestreams"),
    ("reactor-core", "io.projectreactor"),
    ("rhino", "org.mozilla"),
    ("rxjava", "io.reactivex.rxjava3"),
    ("scala-library", "org.scala-lang"),
    ("scala-reflect", "org.scala-lang"),
    ("snakeyaml", "org.yaml"),
    ("sqlite-jdbc", "org.xerial"),
    ("xalan", "xalan"),
    ("xercesImpl", "xerces"),
    ("xml-apis", "xml-apis"),
    ("xmlbeans", "org.apache.xmlbeans"),
    ("zookeeper", "org.apache.zookeeper"),
];

/// Artifacts by the beginning of their name; the longest that fits counts.
const FAMILIES: &[(&str, &str)] = &[
    ("akka-", "com.typesafe.akka"),
    ("batik-", "org.apache.xmlgraphics"),
    ("catalina", "org.apache.tomcat"),
    ("grails-", "org.grails"),
    ("groovy-", "org.codehaus.groovy"),
    ("grpc-", "io.grpc"),
    ("jetty-", "org.eclipse.jetty"),
    ("kafka_2.", "org.apache.kafka"),
    ("kotlin-", "org.jetbrains.kotlin"),
    ("kotlinx-", "org.jetbrains.kotlinx"),
    ("ktor-", "io.ktor"),
    ("log4j-", "org.apache.logging.log4j"),
    ("lucene-", "org.apache.lucene"),
    ("micrometer-", "io.micrometer"),
    ("micronaut-", "io.micronaut"),
    ("netty-", "io.netty"),
    ("okhttp-", "com.squareup.okhttp3"),
    ("play_2.", "com.typesafe.play"),
    ("poi", "org.apache.poi"),
    ("reactor-netty", "io.projectreactor.netty"),
    ("retrofit", "com.squareup.retrofit2"),
    ("slf4j-", "org.slf4j"),
    ("solr-", "org.apache.solr"),
    ("spark-", "org.apache.spark"),
    ("spring-", "org.springframework"),
    ("spring-amqp", "org.springframework.amqp"),
    ("spring-batch-", "org.springframework.batch"),
    ("spring-boot", "org.springframework.boot"),
    ("spring-cloud-", "org.springframework.cloud"),
    ("spring-data-", "org.springframework.data"),
    ("spring-hateoas", "org.springframework.hateoas"),
    ("spring-integration-", "org.springframework.integration"),
    ("spring-kafka", "org.springframework.kafka"),
    ("spring-ldap-", "org.springframework.ldap"),
    ("spring-plugin-", "org.springframework.plugin"),
    ("spring-rabbit", "org.springframework.amqp"),
    ("spring-retry", "org.springframework.retry"),
    ("spring-security-", "org.springframework.security"),
    ("spring-session-", "org.springframework.session"),
    ("spring-webflow", "org.springframework.webflow"),
    ("spring-ws-", "org.springframework.ws"),
    ("struts2-", "org.apache.struts"),
    ("tomcat-", "org.apache.tomcat"),
    ("tomcat-embed-", "org.apache.tomcat.embed"),
];

/// The group of an artifact, where it is one of these.
pub(super) fn of(artifact: &str) -> Option<&'static str> {
    if let Ok(at) = EXACT.binary_search_by(|(name, _)| (*name).cmp(artifact)) {
        return Some(EXACT[at].1);
    }
    let families = FAMILIES.iter().filter(|(start, _)| artifact.starts_with(start));
    families.max_by_key(|(start, _)| start.len()).map(|(_, group)| *group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_the_longest_family_counts() {
        assert!(EXACT.is_sorted() && FAMILIES.is_sorted());
        for (artifact, group) in [
            ("spring-core", Some("org.springframework")),
            ("spring-boot-starter-web", Some("org.springframework.boot")),
            ("tomcat-embed-core", Some("org.apache.tomcat.embed")),
            ("log4j", Some("log4j")),
            ("log4j-core", Some("org.apache.logging.log4j")),
            ("mine", None),
        ] {
            assert_eq!(of(artifact), group, "{artifact}");
        }
    }
}
