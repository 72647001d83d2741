import java.io.File;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hdfs.MiniDFSCluster;

/** An HDFS of a name node and two data nodes on loopback: java -cp 'lib/*' Hdfs.java FOLDER PORT_OF_WEBHDFS */
class Hdfs {
    public static void main(String[] arguments) throws Exception {
        Configuration conf = new Configuration();
        conf.setBoolean("dfs.permissions.enabled", false);
        new MiniDFSCluster.Builder(conf, new File(arguments[0]))
            .nameNodeHttpPort(Integer.parseInt(arguments[1]))
            .numDataNodes(2)
            .build()
            .waitClusterUp();
        new File(arguments[0], "up").createNewFile();
        Thread.currentThread().join();
    }
}
