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
    ("axis", "axis"),
    ("bcel", "org.apache.bcel"),
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
    ("bsh", "org.beanshell"),
    ("bson", "org.mongodb"),
    ("c3p0", "com.mchange"),
    ("cassandra-all", "org.apache.cassandra"),
    ("classworlds", "classworlds"),
    ("commons-beanutils", "commons-beanutils"),
    ("commons-chain", "commons-chain"),
    ("commons-cli", "commons-cli"),
    ("commons-codec", "commons-codec"),
    ("commons-collections", "commons-collections"),
    ("commons-collections4", "org.apache.commons"),
    ("commons-compress", "org.apache.commons"),
    ("commons-configuration", "commons-configuration"),
    ("commons-configuration2", "org.apache.commons"),
    ("commons-csv", "org.apache.commons"),
    ("commons-dbcp", "commons-dbcp"),
    ("commons-dbcp2", "org.apache.commons"),
    ("commons-digester", "commons-digester"),
    ("commons-discovery", "commons-discovery"),
    ("commons-el", "commons-el"),
    ("commons-email", "org.apache.commons"),
    ("commons-exec", "org.apache.commons"),
    ("commons-fileupload", "commons-fileupload"),
    ("commons-httpclient", "commons-httpclient"),
    ("commons-io", "commons-io"),
    ("commons-jxpath", "commons-jxpath"),
    ("commons-lang", "commons-lang"),
    ("commons-lang3", "org.apache.commons"),
    ("commons-logging", "commons-logging"),
    ("commons-math3", "org.apache.commons"),
    ("commons-net", "commons-net"),
    ("commons-pool", "commons-pool"),
    ("commons-pool2", "org.apache.commons"),
    ("commons-text", "org.apache.commons"),
    ("commons-validator", "commons-validator"),
    ("commons-vfs2", "org.apache.commons"),
    ("derby", "org.apache.derby"),
    ("druid", "com.alibaba"),
    ("elasticsearch", "org.elasticsearch"),
    ("fastjson", "com.alibaba"),
    ("fastjson2", "com.alibaba.fastjson2"),
    ("fop", "org.apache.xmlgraphics"),
    ("graphql-java", "com.graphql-java"),
    ("gson", "com.google.code.gson"),
    ("guava", "com.google.guava"),
    ("guice", "com.google.inject"),
    ("h2", "com.h2database"),
    ("hamcrest", "org.hamcrest"),
    ("hamcrest-all", "org.hamcrest"),
    ("hamcrest-core", "org.hamcrest"),
    ("hamcrest-library", "org.hamcrest"),
    ("hazelcast", "com.hazelcast"),
    ("hazelcast-all", "com.hazelcast"),
    ("hsqldb", "org.hsqldb"),
    ("httpclient", "org.apache.httpcomponents"),
    ("httpclient5", "org.apache.httpcomponents.client5"),
    ("httpcore", "org.apache.httpcomponents"),
    ("httpcore5", "org.apache.httpcomponents.core5"),
    ("ivy", "org.apache.ivy"),
    ("jackson-annotations", "com.fasterxml.jackson.core"),
    ("jackson-core", "com.fasterxml.jackson.core"),
    ("jackson-core-asl", "org.codehaus.jackson"),
    ("jackson-databind", "com.fasterxml.jackson.core"),
    ("jackson-jaxrs", "org.codehaus.jackson"),
    ("jackson-mapper-asl", "org.codehaus.jackson"),
    ("jackson-xc", "org.codehaus.jackson"),
    ("jdom", "org.jdom"),
    ("jdom2", "org.jdom"),
    ("jruby-complete", "org.jruby"),
    ("jsch", "com.jcraft"),
    ("json", "org.json"),
    ("json-path", "com.jayway.jsonpath"),
    ("json-smart", "net.minidev"),
    ("junit", "junit"),
    ("jython", "org.python"),
    ("jython-standalone", "org.python"),
    ("kafka-clients", "org.apache.kafka"),
    ("kotlin-reflect", "org.jetbrains.kotlin"),
    ("kotlin-stdlib", "org.jetbrains.kotlin"),
    ("log4j", "log4j"),
    ("logback-access", "ch.qos.logback"),
    ("logback-classic", "ch.qos.logback"),
    ("logback-core", "ch.qos.logback"),
    ("mariadb-java-client", "org.mariadb.jdbc"),
    ("mongo-java-driver", "org.mongodb"),
    ("mysql-connector-j", "com.mysql"),
    ("mysql-connector-java", "mysql"),
    ("nekohtml", "net.sourceforge.nekohtml"),
    ("netty", "io.netty"),
    ("nimbus-jose-jwt", "com.nimbusds"),
    ("ojdbc8", "com.oracle.database.jdbc"),
    ("okio", "com.squareup.okio"),
    ("okio-jvm", "com.squareup.okio"),
    ("opensearch", "org.opensearch"),
    ("oro", "oro"),
    ("pdfbox", "org.apache.pdfbox"),
    ("postgresql", "org.postgresql"),
    ("protobuf-java", "com.google.protobuf"),
    ("protobuf-java-util", "com.google.protobuf"),
    ("protobuf-javalite", "com.google.protobuf"),
    ("reactive-streams", "org.reactivestreams"),
    ("reactor-core", "io.projectreactor"),
    ("rhino", "org.mozilla"),
    ("scala-library", "org.scala-lang"),
    ("scala-reflect", "org.scala-lang"),
    ("snakeyaml", "org.yaml"),
    ("spring", "org.springframework"),
    ("sqlite-jdbc", "org.xerial"),
    ("struts", "struts"),
    ("velocity", "org.apache.velocity"),
    ("velocity-engine-core", "org.apache.velocity"),
    ("xalan", "xalan"),
    ("xercesImpl", "xerces"),
    ("xml-apis", "xml-apis"),
    ("xmlbeans", "org.apache.xmlbeans"),
    ("xmlgraphics-commons", "org.apache.xmlgraphics"),
    ("xmlsec", "org.apache.santuario"),
    ("xstream", "com.thoughtworks.xstream"),
    ("zookeeper", "org.apache.zookeeper"),
];

/// Artifacts by the beginning of their name; the longest that fits counts.
const FAMILIES: &[(&str, &str)] = &[
    ("akka-", "com.typesafe.akka"),
    ("batik-", "org.apache.xmlgraphics"),
    ("catalina", "org.apache.tomcat"),
    ("grails-", "org.grails"),
    ("grpc-", "io.grpc"),
    ("jackson-dataformat-", "com.fasterxml.jackson.dataformat"),
    ("jackson-datatype-", "com.fasterxml.jackson.datatype"),
    ("jackson-module-", "com.fasterxml.jackson.module"),
    ("kafka_2.", "org.apache.kafka"),
    ("kotlin-", "org.jetbrains.kotlin"),
    ("kotlinx-", "org.jetbrains.kotlinx"),
    ("ktor-", "io.ktor"),
    ("log4j-", "org.apache.logging.log4j"),
    ("lucene-", "org.apache.lucene"),
    ("micrometer-", "io.micrometer"),
    ("micronaut-", "io.micronaut"),
    ("mongodb-driver-", "org.mongodb"),
    ("netty-", "io.netty"),
    ("pekko-", "org.apache.pekko"),
    ("poi", "org.apache.poi"),
    ("reactor-netty", "io.projectreactor.netty"),
    ("shiro-", "org.apache.shiro"),
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
    ("undertow-", "io.undertow"),
];

/// Artifacts that changed their group, by the beginning of their name: the group, and the first version of the next one.
const MOVED: &[(&str, &[(u64, &str)])] = &[
    ("asm", &[(0, "asm"), (4, "org.ow2.asm")]),
    ("dom4j", &[(0, "dom4j"), (2, "org.dom4j")]),
    ("groovy", &[(0, "org.codehaus.groovy"), (4, "org.apache.groovy")]),
    ("hibernate-core", &[(0, "org.hibernate"), (6, "org.hibernate.orm")]),
    ("hibernate-entitymanager", &[(0, "org.hibernate")]),
    ("hibernate-validator", &[(0, "org.hibernate"), (6, "org.hibernate.validator")]),
    ("jetty", &[(0, "org.mortbay.jetty"), (7, "org.eclipse.jetty")]),
    ("okhttp", &[(0, "com.squareup.okhttp"), (3, "com.squareup.okhttp3")]),
    ("play_2.", &[(0, "com.typesafe.play"), (3, "org.playframework")]),
    ("retrofit", &[(0, "com.squareup.retrofit"), (2, "com.squareup.retrofit2")]),
    ("rxjava", &[(0, "io.reactivex"), (2, "io.reactivex.rxjava2"), (3, "io.reactivex.rxjava3")]),
];

/// The group of an artifact in this version, where it is one of these.
pub(super) fn of(artifact: &str, version: &str) -> Option<&'static str> {
    if let Ok(at) = EXACT.binary_search_by(|(name, _)| (*name).cmp(artifact)) {
        return Some(EXACT[at].1);
    }
    let is_of = |start: &str| {
        artifact
            .strip_prefix(start)
            .is_some_and(|rest| start.ends_with('.') || rest.is_empty() || rest.starts_with('-'))
    };
    if let Some((_, groups)) = MOVED.iter().find(|(start, _)| is_of(start)) {
        let major =
            version.split(|c: char| !c.is_ascii_digit()).next().and_then(|number| number.parse().ok());
        let held = groups.iter().rev().find(|(first, _)| major.is_some_and(|major: u64| major >= *first));
        return held.map(|(_, group)| *group);
    }
    let families = FAMILIES.iter().filter(|(start, _)| artifact.starts_with(start));
    families.max_by_key(|(start, _)| start.len()).map(|(_, group)| *group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_the_longest_family_counts() {
        assert!(EXACT.is_sorted() && FAMILIES.is_sorted() && MOVED.is_sorted());
        for (artifact, group) in [
            ("jackson-mapper-asl", Some("org.codehaus.jackson")),
            ("spring-core", Some("org.springframework")),
            ("spring-boot-starter-web", Some("org.springframework.boot")),
            ("tomcat-embed-core", Some("org.apache.tomcat.embed")),
            ("log4j", Some("log4j")),
            ("log4j-core", Some("org.apache.logging.log4j")),
            ("mine", None),
        ] {
            assert_eq!(of(artifact, "1.0"), group, "{artifact}");
        }
    }

    #[test]
    fn a_library_that_moved_has_the_group_of_its_version() {
        for (artifact, version, group) in [
            ("asm", "3.3.1", Some("asm")),
            ("asm-tree", "9.2", Some("org.ow2.asm")),
            ("dom4j", "1.6.1", Some("dom4j")),
            ("dom4j", "2.1.3", Some("org.dom4j")),
            ("hibernate-validator", "5.4.1.Final", Some("org.hibernate")),
            ("hibernate-core", "6.1.0.Final", Some("org.hibernate.orm")),
            ("jetty-server", "9.4.40.v20210413", Some("org.eclipse.jetty")),
            ("jetty", "6.1.26", Some("org.mortbay.jetty")),
            ("okhttp", "2.7.5", Some("com.squareup.okhttp")),
            ("okhttp-urlconnection", "4.9.0", Some("com.squareup.okhttp3")),
            ("rxjava", "2.2.21", Some("io.reactivex.rxjava2")),
            ("play_2.13", "3.0.0", Some("org.playframework")),
            ("groovy-json", "", None),
            ("asmodeus", "1", None),
        ] {
            assert_eq!(of(artifact, version), group, "{artifact} {version}");
        }
    }
}
